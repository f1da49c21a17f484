"""Sources that players show otherwise than they are stored, or whose packets are not simply one frame each with a time.

Each of these was released wrongly once, or refused without need.
"""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, write_clip

import redact
from redact.errors import SourceError, UsageError
from redact.media.decode import decode
from redact.media.probe import probe
from redact.media.segments import plan_segments
from redact.media.source import NO_PTS, excerpt
from redact.media.times import fill
from redact.media.witness import ffmpeg_program
from redact.period import Period
from redact.policy import AudioPolicy
from redact.run.local import LocalRunner
from redact.scope import Scope

BLACK = redact.policy_of("export-batch")
LOUD = redact.policy_of("public-release").model_copy(update={"audio": AudioPolicy(mode="keep")})


def ffmpeg(*words: object) -> None:
    command = [ffmpeg_program(), "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, timeout=60)


def stored(file: Path) -> tuple[tuple[int, ...], str, tuple[int, int]]:
    """Times, pixel format and size of a file's frames as stored."""
    with av.open(str(file)) as c:
        frames = list(c.decode(video=0))
    return tuple(int(f.pts or 0) for f in frames), frames[0].format.name, (frames[0].width, frames[0].height)


def pictures(file: Path) -> list[np.ndarray | None]:
    """Luma of every frame that is shown, None where it is damaged."""
    source = probe(file)
    out: list[np.ndarray | None] = []
    for segment in plan_segments(source):
        for frame in decode(excerpt(source, segment)):
            damaged = frame.image is None or frame.damage
            out.append(None if damaged or frame.image is None else frame.image.to_ndarray(format="gray"))
    return out


# --- shown otherwise than stored ---


@pytest.mark.parametrize("flip", ["-display_hflip", "-display_vflip"])
def test_a_mirrored_picture_is_refused(flip: str, plain_clip: Path, tmp_path: Path) -> None:
    """Its faces would be looked for upside down, and the release shown so."""
    ffmpeg(flip, "-i", plain_clip, "-c", "copy", tmp_path / "in.mp4")
    with pytest.raises(SourceError, match="asks players to mirror its picture"):
        probe(tmp_path / "in.mp4")


def test_a_border_that_the_container_cuts_off_is_not_shown(plain_clip: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.mkv"
    ffmpeg("-i", plain_clip, "-c", "copy", "-write_crc32", 0, plain)
    data = plain.read_bytes()
    (tmp_path / "in.mkv").write_bytes(_cropped(data))
    with pytest.raises(SourceError, match="asks players to cut a border off"):
        probe(tmp_path / "in.mkv")
    assert probe(plain).frames == 50


def _cropped(data: bytes) -> bytes:
    """A Matroska file (RFC 9559) of which players cut off 100 px on the left."""
    crop = b"\x54\xcc\x81\x64"  # PixelCropLeft
    out = bytearray(data)
    start, stop, sizes = 0, len(data), []
    for wanted in (b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"):  # Segment, Tracks, TrackEntry, Video
        while start < stop:
            name = data[start : start + 9 - data[start].bit_length()]
            place = start + len(name)
            length = 9 - data[place].bit_length()
            size = int.from_bytes(data[place : place + length], "big") & ~(1 << 7 * length)
            if name == wanted:
                sizes.append((place, length, size))
                start, stop = place + length, place + length + size
                break
            start = place + length + size
    for place, length, size in sizes:
        out[place : place + length] = (size + len(crop) | 1 << 7 * length).to_bytes(length, "big")
    return bytes(out[:stop]) + crop + bytes(out[stop:])


def test_a_turned_picture_is_not_put_where_nothing_says_so(runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(rotation=90))
    with pytest.raises(UsageError, match=r"a \.ts file cannot say that its picture is turned by 90 degrees"):
        redact.run(source, tmp_path / "out.ts", runner=runner)
    assert list(tmp_path.iterdir()) == [source]


# --- what a trim left out ---


@pytest.fixture
def trimmed(tmp_path: Path) -> Path:
    """Two seconds of which the first 0.7 s lie in the file and are not shown, as phones trim."""
    whole = write_clip(tmp_path / "whole.mp4", Clip(audio=True, gop=50))
    file = tmp_path / "in.mp4"
    ffmpeg("-ss", "0.7", "-i", whole, "-c", "copy", file)
    with av.open(str(file)) as c:
        assert any(p.is_discard for p in c.demux(video=0))
    return file


def test_a_trimmed_video_is_no_damaged_one(trimmed: Path) -> None:
    """What is not shown is decoded: what is shown refers to it."""
    shown = pictures(trimmed)
    whole = pictures(trimmed.with_name("whole.mp4"))
    assert probe(trimmed).damage == ()
    assert 30 <= len(shown) < 50
    for a, b in zip(shown, whole[-len(shown) :], strict=True):
        assert a is not None
        np.testing.assert_array_equal(a, b)


def test_trimmed_sound_does_not_ride_along(trimmed: Path, runner: LocalRunner, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    redact.run(trimmed, out, LOUD, runner=runner)
    with av.open(f"file:{out}", options={"ignore_editlist": "1"}) as c:
        stream = c.streams.audio[0]
        assert stream.time_base is not None
        there = sum(p.duration or 0 for p in c.demux(stream)) * stream.time_base
    assert there == pytest.approx(probe(out).seconds, abs=0.15)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_a_video_whose_end_is_trimmed_is_no_damaged_one(codec: str, runner: LocalRunner, tmp_path: Path) -> None:
    """Its header counts all frames that lie in the file."""
    whole = write_clip(tmp_path / "whole.mp4", Clip(codec=codec, gop=50, bitexact=False))
    data = bytearray(whole.read_bytes())
    at = data.index(b"elst") + 12  # behind version, flags and the number of edits: how long the only one lasts
    data[at : at + 4] = (int.from_bytes(data[at : at + 4]) // 2).to_bytes(4)
    source = tmp_path / "in.mp4"
    source.write_bytes(data)
    assert probe(source).damage == ()
    shown, before = pictures(source), pictures(whole)
    assert len(shown) == pytest.approx(len(before) / 2, abs=1)
    for a, b in zip(shown, before, strict=False):
        assert a is not None
        np.testing.assert_array_equal(a, b)
    outcome = redact.run(source, tmp_path / "out.mp4", runner=runner)
    assert outcome.frames == len(shown)


def test_a_second_movie_in_a_file_is_told(plain_clip: Path, tmp_path: Path) -> None:
    """Players show the first one alone."""
    source = tmp_path / "in.mp4"
    source.write_bytes(plain_clip.read_bytes() * 2)
    assert "another movie lies behind its first one" in probe(source).damage[0]


# --- what is written in headers ---


def test_comments_in_a_codec_header_do_not_ride_along(runner: LocalRunner, tmp_path: Path) -> None:
    """Vorbis has who sings and where in a header without which nothing decodes."""
    picture = write_clip(tmp_path / "picture.mp4", Clip(frames=25))
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    ffmpeg("-i", picture, "-f", "lavfi", "-i", "sine", "-shortest", "-c:v", "copy", "-c:a", "libvorbis", source)
    redact.run(source, out, LOUD, runner=runner)
    with av.open(str(out)) as c:
        assert [s.codec_context.name for s in c.streams.audio] == ["aac"], "encoded again"


# --- times ---


def test_times_that_are_missing_lie_between_the_others() -> None:
    n = NO_PTS
    assert fill(np.array([900, n, 1100, n, n, 1700, n]), 90.0) is not None
    np.testing.assert_array_equal(
        fill(np.array([n, 900, n, 1100, n, n, 1700, n]), 90.0), [810, 900, 1000, 1100, 1300, 1500, 1700, 1790]
    )
    # Shown in another order, at a constant rate of 100 ticks: P pictures have a time, B pictures none.
    np.testing.assert_array_equal(
        fill(np.array([500, 801, n, n, 1100, n, n]), 100.0), [500, 600, 700, 801, 900, 1000, 1100]
    )
    assert fill(np.array([500, 830, n, n, 700]), 100.0) is None, "no constant rate: nobody can tell"
    # A start code across two packets: the frame has the time of the one after it.
    np.testing.assert_array_equal(
        fill(np.array([500, n, 730, 921, 921, n, 1100]), 100.0), [500, 615, 730, 826, 921, 1010, 1100]
    )
    np.testing.assert_array_equal(
        fill(np.array([500, 801, n, n, 1100, 1100, n]), 100.0), [500, 600, 700, 801, 900, 1000, 1100]
    )

    # Some have none: the others stay where they are. All were made up, from zero, and mutes fell on other places.
    times = np.array([3000 + 40 * i + 15 * (i % 3) for i in range(50)])
    given = times.copy()
    given[7] = NO_PTS
    filled = fill(given, 40.0)
    assert filled is not None
    np.testing.assert_array_equal(np.delete(filled, 7), np.delete(times, 7))
    assert abs(int(filled[7] - times[7])) < 20


def test_a_clock_about_to_wrap(runner: LocalRunner, tmp_path: Path) -> None:
    """Times before zero: no container but a transport stream holds them, so the release begins at zero."""
    clip = write_clip(tmp_path / "plain.mp4", Clip())
    source = tmp_path / "in.ts"
    ffmpeg("-i", clip, "-c", "copy", "-output_ts_offset", "95443.0", "-muxdelay", 0, source)
    counted = probe(source)
    out = redact.run(source, tmp_path / "out.mp4", runner=runner).output
    times, _, _ = stored(out)
    released = probe(out)
    assert len(times) == counted.frames
    apart = np.diff(counted.pts) * counted.format.time_base
    assert [Fraction(int(b)) * released.format.time_base for b in np.diff(released.pts)] == list(apart)


# --- pictures that no encoder takes as they are ---


@pytest.mark.parametrize(
    ("clip", "pix_fmt"),
    [
        (Clip(codec="libvpx-vp9", width=321, height=181, frames=10), "yuv444p"),
        (Clip(codec="mpeg2video", width=320, height=242, frames=10, interlaced=True), "yuv422p"),
        (Clip(codec="libx264rgb", pix_fmt="rgb24", frames=10), "yuv444p"),
    ],
    ids=["odd", "interlaced-242", "rgb"],
)
def test_a_picture_that_the_encoder_does_not_take(
    clip: Clip, pix_fmt: str, runner: LocalRunner, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mkv", clip)
    redact.run(source, tmp_path / "out.mkv", runner=runner)
    _, format_, size = stored(tmp_path / "out.mkv")
    assert (format_, size) == (pix_fmt, (clip.width, clip.height))


def test_sound_whose_channels_have_no_names_is_muted(runner: LocalRunner, tmp_path: Path) -> None:
    picture = write_clip(tmp_path / "picture.mp4", Clip())
    source, out = tmp_path / "in.avi", tmp_path / "out.mp4"
    tone = ("-f", "lavfi", "-i", "sine=r=44100", "-ac", 2, "-shortest", "-c:a", "adpcm_ms")
    ffmpeg("-i", picture, *tone, "-c:v", "copy", source)
    with av.open(str(source)) as c:
        assert "channels" in c.streams.audio[0].codec_context.layout.name
    scope = Scope(mutes=(Period(Fraction(1, 2), Fraction(1)),))
    redact.run(source, out, BLACK, scope=scope, runner=runner)
    with av.open(str(out)) as c:
        heard = np.concatenate([f.to_ndarray()[0] for f in c.decode(audio=0)])
    assert np.abs(heard[25000:42000]).max() < 0.01 < np.abs(heard[5000:20000]).max()


# --- packets that are no frame, and frames that are no packet ---


def test_frames_that_others_only_refer_to(tmp_path: Path) -> None:
    """VP8 has pictures that are never shown; they were taken for doubled times."""
    clip = write_clip(tmp_path / "plain.mp4", Clip(frames=60, gop=60))
    source = tmp_path / "in.webm"
    for number in (1, 2):
        passes = ("-pass", number, "-passlogfile", tmp_path / "log")
        ffmpeg("-i", clip, "-c:v", "libvpx", "-b:v", "200k", "-auto-alt-ref", 1, "-lag-in-frames", 20, *passes, source)
    counted = probe(source)
    assert not counted.packets.shown.all(), "this clip has none: make another"
    assert (counted.damage, counted.frames) == ((), 60)
    assert all(p is not None for p in pictures(source))


def test_a_raw_stream_keeps_its_places_where_a_picture_is_lost(tmp_path: Path) -> None:
    whole = write_clip(
        tmp_path / "whole.h264", Clip(frames=50, gop=10, options=(("bf", "0"), ("x264-params", "bframes=0")))
    )
    data = bytearray(whole.read_bytes())
    starts = [i for i in range(len(data) - 4) if data[i : i + 3] == b"\x00\x00\x01" and data[i + 3] & 31 == 1]
    for i in range(starts[20] + 4, starts[21] - 1):  # a slice of which the decoder makes nothing
        data[i] = 0xFF
    (tmp_path / "in.h264").write_bytes(bytes(data))
    expected, seen = pictures(whole), pictures(tmp_path / "in.h264")
    assert len(seen) == 50
    assert [i for i, p in enumerate(seen) if p is None] == list(range(23, 30)), "up to the next keyframe"
    for i, p in enumerate(seen):
        if p is not None:
            np.testing.assert_array_equal(p, expected[i], err_msg=f"frame {i}")


def test_sound_whose_clock_runs_backwards(runner: LocalRunner, tmp_path: Path) -> None:
    """As where two recordings lie in a file one after the other, each with a clock of its own."""
    clip = write_clip(tmp_path / "clip.mp4", Clip(audio=True))
    first, second, source = tmp_path / "1.ts", tmp_path / "2.ts", tmp_path / "in.ts"
    ffmpeg("-i", clip, "-c", "copy", "-streamid", "1:257", first)
    ffmpeg("-i", clip, "-vn", "-t", 1, "-c", "copy", "-streamid", "0:257", "-output_ts_offset", "1.2", second)
    source.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(SourceError, match="its clock runs backwards"):
        redact.run(source, tmp_path / "out.mp4", LOUD, runner=runner)
    outcome = redact.run(source, tmp_path / "out.mp4", BLACK, runner=runner)
    assert 0.3 < outcome.silent_seconds < 1.2


def test_a_video_of_nothing_but_damage_is_refused(runner: LocalRunner, tmp_path: Path) -> None:
    """As one that begins in the middle of a stream with open GOPs: nothing decodes for sure."""
    options = (("x264-params", "open-gop=1:keyint=20:min-keyint=20:scenecut=0:bframes=2"),)
    whole = write_clip(tmp_path / "whole.ts", Clip(frames=60, options=options))
    source = tmp_path / "in.ts"
    ffmpeg("-ss", 1, "-i", whole, "-c", "copy", source)
    with pytest.raises(SourceError, match=r"none of its \d+ frames can be decoded cleanly"):
        redact.run(source, tmp_path / "out.mp4", BLACK, runner=runner)
