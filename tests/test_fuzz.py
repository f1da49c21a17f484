"""A short version of benchmarks/fuzz.py, and what the long one has found."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, write_clip
from fuzz import fuzz
from fuzzing.files import picture
from fuzzing.judge import what_is_wrong
from fuzzing.mutations import Mutation, mutate

import redact
from redact.errors import SourceError
from redact.media.decode import decode
from redact.media.probe import probe
from redact.media.segments import plan_segments
from redact.media.source import excerpt
from redact.policy import AudioPolicy
from redact.run.local import LocalRunner

STRICT = redact.policy_of("public-release")


def test_damaged_files_are_released_or_refused(tmp_path: Path) -> None:
    kinds = ("h264.mp4", "h264.mkv", "h264.ts", "h265.mp4", "mpeg2.mpg", "mpeg4.avi", "vp9.webm", "raw.h264")
    results = list(fuzz(range(48), 7, tmp_path, kinds=kinds))
    failures = [f"{r.mutation.number}: {r.message}" for r in results if r.verdict == "failed"]
    assert not failures
    # Both ways were gone, or the test shows nothing.
    assert {r.verdict for r in results} == {"released", "refused"}


def test_a_mutation_depends_on_seed_and_number_alone(plain_clip: Path) -> None:
    files = {"h264.mp4": plain_clip}
    assert mutate(files, 1, 2) == mutate(files, 1, 2)
    assert mutate(files, 1, 2).data != mutate(files, 2, 2).data


def test_the_judge_knows_a_leftover_and_a_changed_source(plain_clip: Path, tmp_path: Path) -> None:
    m = Mutation(0, "h264.mp4", (), plain_clip.read_bytes(), "refuse", "drop")
    source, scratch = tmp_path / "work" / "in.mp4", tmp_path / "scratch"
    source.parent.mkdir()
    scratch.mkdir()
    source.write_bytes(m.data)
    refused = {"verdict": "refused", "code": 3, "message": "no"}
    assert what_is_wrong(m, refused, source, source.parent / "out.mp4", scratch) is None
    (source.parent / ".redact-x").mkdir()
    assert "files" in what_is_wrong(m, refused, source, source.parent / "out.mp4", scratch)
    (source.parent / ".redact-x").rmdir()
    assert "exit code 2" in what_is_wrong(m, refused | {"code": 2}, source, source.parent / "out.mp4", scratch)
    source.write_bytes(b"other")
    assert what_is_wrong(m, refused, source, source.parent / "out.mp4", scratch) == "the source changed"


# --- Found by it ----------------------------------------------------------------------------------


def test_frames_closer_together_than_the_rate_says(runner: LocalRunner, tmp_path: Path) -> None:
    """The witness counted in ticks of one frame's length: two frames in one tick were told as an error."""
    times = (0, 110, 175, 350, 360, 415, 470, 480, 535, 590, 600, 655, 710, 720, 775)
    source = write_clip(tmp_path / "in.mkv", Clip(times=times, frames=len(times)))
    outcome = redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)
    assert outcome.frames == len(times)


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_very_few_frames(codec: str, frames: int, runner: LocalRunner, tmp_path: Path) -> None:
    """x265 leaves decode times undefined where a stream ends before its delay has passed."""
    x265 = codec == "libx265"
    options = (("x265-params", "log-level=error"),) if x265 else ()
    # A raw stream: no other container would take such times from the test's own encoder.
    clip = Clip(codec=codec, frames=frames, options=options, container="hevc" if x265 else "h264")
    source = write_clip(tmp_path / ("in.h265" if x265 else "in.h264"), clip)
    assert redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner).frames == frames


def test_a_coding_that_is_not_known(plain_clip: Path, runner: LocalRunner, tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(plain_clip.read_bytes().replace(b"avc1", b"\0\0\0\1"))
    with pytest.raises(SourceError, match="coding that is not known"):
        redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)


def test_sound_in_a_coding_that_is_not_known(runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip(audio=True))
    source.write_bytes(source.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    keep = STRICT.model_copy(update={"audio": AudioPolicy(mode="keep")})
    with pytest.raises(SourceError, match="sound in a coding that is not known"):
        redact.run(source, tmp_path / "out.mp4", keep, runner=runner)
    redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)


def test_a_picture_that_is_turned_by_an_odd_angle(runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(rotation=30))
    with pytest.raises(SourceError, match="no quarter turn"):
        redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)


def _damaged(file: Path) -> list[int]:
    """Numbers of the frames that count as damaged."""
    source = probe(file)
    return [f.index for s in plan_segments(source) for f in decode(excerpt(source, s)) if f.damage]


def _spoil(file: Path, number: int, share: float = 0.3) -> None:
    """Overwrites the end of a packet, in decode order, with what cannot be decoded."""
    with av.open(str(file)) as c:
        pos, size = [(p.pos, p.size) for p in c.demux(video=0) if p.size][number]
    data = bytearray(file.read_bytes())
    a = pos + round(size * (1 - share))
    data[a : pos + size] = b"\xff" * (pos + size - a)
    file.write_bytes(data)


def test_leading_pictures_of_the_next_start_are_damaged_too(tmp_path: Path) -> None:
    """In an open group of pictures what is shown before the key picture still refers to the group before."""
    clip = Clip(codec="mpeg4", frames=30, gop=9, options=(("bf", "2"),))
    file = write_clip(tmp_path / "in.mp4", clip)
    packets = probe(file).packets
    row = int(np.flatnonzero(packets.seekable)[1])  # the second key picture
    leading = [int(t) for t in packets.pts[row:] if t < packets.pts[row]]
    assert leading, "the clip has no open group of pictures"
    whole = probe(file).pts
    _spoil(file, 0)
    damaged = _damaged(file)
    assert damaged == list(range(int(np.searchsorted(whole, packets.pts[row]))))


def test_raw_streams_are_damaged_from_the_picture_to_the_next_start(tmp_path: Path) -> None:
    """The decoder gives pictures late: what came out after a start was taken for whole though it lay before it."""
    file = write_clip(tmp_path / "in.h264", Clip(frames=30, gop=10, container="h264"))
    data = bytearray(file.read_bytes())
    starts = [i for i in range(len(data) - 4) if data[i : i + 3] == b"\0\0\1" and data[i + 3] & 31 == 5]
    assert len(starts) == 3
    at = starts[1] + 200
    data[at : at + 300] = b"\xaa" * 300
    file.write_bytes(data)
    assert _damaged(file) == list(range(10, 20))


def test_what_follows_a_picture_that_is_marked_corrupt_is_damaged(tmp_path: Path) -> None:
    """Some flipped bits make the decoder mark a picture, report no error, and trust all that refers to it."""
    options = (("x264-params", "mbtree=0"),)  # the same bytes each time
    whole = write_clip(tmp_path / "in.mp4", Clip(frames=20, gop=10, options=options, bitexact=True)).read_bytes()
    with av.open(str(tmp_path / "in.mp4")) as c:
        first = next(p for p in c.demux(video=0) if p.size)
        pos, size = first.pos, first.size
    marked = 0
    for n in range(24):
        file = tmp_path / f"{n}.mp4"
        data = bytearray(whole)
        data[pos + size // 4 + n * (size // 40)] ^= 16
        file.write_bytes(data)
        with av.open(str(file)) as c:
            c.streams.video[0].thread_count = 1
            if next(c.decode(video=0)).is_corrupt:
                marked += 1
                assert set(range(10)) <= set(_damaged(file))
    assert marked > 1


def test_what_the_decoder_makes_up_is_damaged(tmp_path: Path) -> None:
    """A slice that ends too early is concealed without an error, and marked only when it is shown.

    That is after pictures which refer to it and are shown before it.
    """
    options = (("x264-params", "mbtree=0"), ("bf", "3"))
    clip = Clip(frames=20, gop=20, options=options, bitexact=True)
    whole = write_clip(tmp_path / "in.mp4", clip, picture).read_bytes()
    packets = probe(tmp_path / "in.mp4").packets
    shown = np.argsort(np.argsort(packets.pts))
    row = next(r for r in range(1, 20) if shown[r] > shown[r + 1])  # what comes next refers to it and is shown before
    stop = next(r for r in range(row, 20) if packets.seekable[r])  # the cut
    with av.open(str(tmp_path / "in.mp4")) as c:
        pos, size = [(p.pos, p.size) for p in c.demux(video=0) if p.size][row]
    found = 0
    for n in range(40):
        file = tmp_path / f"{n}.mp4"
        data = bytearray(whole)
        data[pos + 8 + n * (size - 8) // 40] ^= 16
        file.write_bytes(data)
        damaged = _damaged(file)
        if int(shown[row]) in damaged:
            found += 1
            assert {int(i) for i in shown[row:stop]} <= set(damaged), n
    assert found > 3


def test_checksums_of_h265_pictures_are_compared(tmp_path: Path) -> None:
    """Without them its decoder takes a flipped bit for another picture."""
    clip = Clip(codec="libx265", frames=20, gop=10, options=(("x265-params", "log-level=error:hash=1"),))
    file = write_clip(tmp_path / "in.mp4", clip)
    assert not _damaged(file)
    with av.open(str(file)) as c:
        packet = next(p for p in c.demux(video=0) if p.size)
        place = packet.pos + packet.size // 2
    data = bytearray(file.read_bytes())
    data[place] ^= 4
    file.write_bytes(data)
    assert 0 in _damaged(file)
