"""What somebody hides in a finished release must not pass as its contents."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import Clip, write_clip

import redact
from redact.geometry import Display
from redact.media.boxes import foreign_boxes
from redact.media.elements import foreign_elements
from redact.media.inspect import inspect
from redact.media.nal import header_types
from redact.media.ts_packets import foreign_packets
from redact.media.witness import ffmpeg_program
from redact.policy import AudioPolicy
from redact.run.local import LocalRunner
from redact.verdict import Check
from redact.verify import check_contents

SHOWN = Display(320, 240)
H265 = (("x265-params", "log-level=error:info=0"),)
LOUD = redact.policy_of("public-release").model_copy(update={"audio": AudioPolicy(mode="keep")})


def _check(file: Path, *, audio: int = 0, frames: int = 50, display: Display = SHOWN) -> Check:
    return check_contents(inspect(file), audio=audio, frames=frames, display=display)


def _ffmpeg(*words: object) -> None:
    subprocess.run([ffmpeg_program(), "-v", "error", "-y", *map(str, words)], check=True, timeout=60)


def _made(file: Path, clip: Clip) -> Path:
    """A file as a release is one: no tags, and no SEI in its packets or ahead of them."""
    whole = write_clip(file.with_name("whole.mkv"), clip)
    types = "39-40" if clip.codec == "libx265" else "6"
    sound = ("-map", "0:a") if clip.audio else ()
    words = (
        "-map",
        "0:v",
        *sound,
        "-c",
        "copy",
        "-bsf:v",
        f"filter_units=remove_types={types}",
        "-fflags",
        "+bitexact",
    )
    _ffmpeg("-i", whole, *words, "-map_metadata", "-1", "-map_metadata:s", "-1", file)
    return file


def _edit_list(file: Path, *, begin: int = 0, frames: int) -> None:
    """Makes players show ``frames`` from ``begin`` on. One edit, of version 0: duration, media time, rate."""
    data = bytearray(file.read_bytes())
    at, header = data.index(b"elst"), data.index(b"mvhd")
    movie = int.from_bytes(data[header + 16 : header + 20])
    media = int.from_bytes(data[data.index(b"mdhd") + 16 :][:4])
    assert int.from_bytes(data[at + 8 : at + 12]) == 1
    data[at + 12 : at + 16] = (frames * movie // 25).to_bytes(4)
    time = int.from_bytes(data[at + 16 : at + 20]) + begin * media // 25
    data[at + 16 : at + 20] = time.to_bytes(4)
    file.write_bytes(data)


@pytest.mark.parametrize("begin", [0, 24])
def test_frames_that_an_edit_list_hides(begin: int, tmp_path: Path) -> None:
    file = _made(tmp_path / "a.mp4", Clip())
    assert _check(file).passed, _check(file).sentence
    _edit_list(file, begin=begin, frames=24)
    with av.open(str(file)) as c:
        assert sum(1 for _ in c.decode(video=0)) < 50
    check = _check(file, frames=24)
    assert "frames that are not shown" in check.sentence
    assert not check.passed


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264_metadata"), ("libx265", "hevc_metadata")])
def test_a_border_that_the_stream_cuts_off(codec: str, name: str, suffix: str, side: str, tmp_path: Path) -> None:
    whole = _made(tmp_path / "a.mp4", Clip(codec=codec, frames=24, options=H265 if codec == "libx265" else ()))
    assert _check(whole, frames=24).passed, _check(whole, frames=24).sentence
    file = tmp_path / f"b.{suffix}"
    _ffmpeg("-i", whole, "-c", "copy", "-bsf:v", f"{name}=crop_{side}=16", "-fflags", "+bitexact", file)
    smaller = Display(304, 240) if side in ("left", "right") else Display(320, 224)
    check = _check(file, frames=24, display=smaller)
    assert "a border of 16 pixels" in check.sentence
    assert not check.passed


def test_a_border_that_a_later_parameter_set_cuts_off(tmp_path: Path) -> None:
    """The one ahead of all packets is the decoder's only until another comes."""
    whole, other, file = _made(tmp_path / "a.mp4", Clip(frames=24)), tmp_path / "b.mp4", tmp_path / "c.mp4"
    _ffmpeg("-i", whole, "-c", "copy", "-bsf:v", "h264_metadata=crop_bottom=32", other)
    with av.open(str(other)) as c:
        header = c.streams.video[0].codec_context.extradata
    assert header is not None
    parameters = b"\0\0" + header[6 : 8 + int.from_bytes(header[6:8])]
    with av.open(str(whole)) as i, av.open(str(file), "w", options={"fflags": "+bitexact"}) as o:
        stream = i.streams.video[0]
        out = o.add_stream_from_template(stream)
        for n, packet in enumerate(i.demux(stream)):
            if packet.dts is not None:
                new = av.Packet(bytes(packet) if n else parameters + bytes(packet))
                new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
                new.is_keyframe, new.stream = packet.is_keyframe, out
                o.mux(new)
    assert "a border of 32 pixels" in _check(file, frames=24, display=Display(320, 208)).sentence


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_another_turn(turn: int, tmp_path: Path) -> None:
    file = _made(tmp_path / "a.mp4", Clip(rotation=turn))
    with av.open(str(file)) as c:
        turned = -next(c.decode(video=0)).rotation % 360
    for other in (0, 90, 180, 270):
        assert _check(file, display=Display(320, 240, rotation=other)).passed == (other == turned)


def test_another_aspect(tmp_path: Path) -> None:
    file = _made(tmp_path / "a.mp4", Clip(sar=Fraction(16, 11)))
    assert _check(file, display=Display(320, 240, 16, 11)).passed
    assert _check(file, display=Display(320, 240, 1600, 1101)).passed, "where it is less than a column"
    assert not _check(file).passed
    assert not _check(file, display=Display(320, 240, 11, 16)).passed


def test_sound_that_the_source_lacks(tmp_path: Path) -> None:
    one, two = _made(tmp_path / "a.mp4", Clip(audio=True)), tmp_path / "b.mp4"
    assert _check(one, audio=1).passed, _check(one, audio=1).sentence
    assert not _check(one, audio=0).passed
    _ffmpeg("-i", one, "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy", "-fflags", "+bitexact", two)
    assert _check(two, audio=2).passed, _check(two, audio=2).sentence
    assert "2 streams of sound" in _check(two, audio=1).sentence


@pytest.mark.parametrize(("codec", "sei"), [("h264", 6), ("hevc", 39)])
def test_notes_ahead_of_the_packets(codec: str, sei: int, tmp_path: Path) -> None:
    """A decoder's configuration may hold more than parameter sets."""
    clip = Clip(frames=5) if codec == "h264" else Clip(codec="libx265", frames=5, options=H265)
    whole, file = _made(tmp_path / "a.mp4", clip), tmp_path / "b.mp4"
    with av.open(str(whole)) as c:
        old = c.streams.video[0].codec_context.extradata
    assert old is not None
    said = b"GPS=29.5630,106.5516"
    note = bytes([sei] if codec == "h264" else [sei << 1, 1]) + bytes([5, 16 + len(said)]) + b"U" * 16 + said + b"\x80"
    if codec == "h264":
        at = 8 + int.from_bytes(old[6:8])
        new = old[:5] + bytes([old[5] + 1]) + old[6:at] + len(note).to_bytes(2) + note + old[at:]
    else:
        new = old[:22] + bytes([old[22] + 1]) + old[23:] + bytes([sei, 0, 1]) + len(note).to_bytes(2) + note
    assert header_types(codec, old) == ({7, 8} if codec == "h264" else {32, 33, 34})
    assert header_types(codec, new) == header_types(codec, old) | {sei}
    for broken in (old + said, old[:-8]):
        assert header_types(codec, broken) - header_types(codec, old) == ({31} if codec == "h264" else {63})
    assert _check(whole, frames=5).passed, _check(whole, frames=5).sentence
    file.write_bytes(_with_header(whole.read_bytes(), old, new))
    assert f"NAL units of type {sei}" in _check(file, frames=5).sentence


def _with_header(data: bytes, old: bytes, new: bytes) -> bytes:
    """An MP4 whose boxes around a decoder's configuration grow as it does; its index behind the pictures."""
    at = data.index(old)
    assert data.index(b"mdat") < at
    out = bytearray(data[:at] + new + data[at + len(old) :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1", b"avcC", b"hev1", b"hvcC"):
        place = data.rfind(name, 0, at) - 4
        if place >= 0:
            out[place : place + 4] = (int.from_bytes(out[place : place + 4]) + len(new) - len(old)).to_bytes(4)
    return bytes(out)


SAID = b"GPS=29.5630,106.5516"


def _box(name: bytes, data: bytes) -> bytes:
    return (8 + len(data)).to_bytes(4) + name + data


def _into(data: bytes, parents: tuple[bytes, ...], box: bytes) -> bytes:
    """``data`` with a box at the end of the last of ``parents``, each the first of its name in the one before it."""
    out, at, end, starts = bytearray(data), 0, len(data), []
    for name in parents:
        while out[at + 4 : at + 8] != name:
            at += int.from_bytes(out[at : at + 4])
        end = at + int.from_bytes(out[at : at + 4])
        starts.append(at)
        at += 8
    out[end:end] = box
    for start in starts:
        out[start : start + 4] = (int.from_bytes(out[start : start + 4]) + len(box)).to_bytes(4)
    return bytes(out)


BEHIND = {
    "bytes": SAID,
    "free": _box(b"free", SAID),
    "uuid": _box(b"uuid", b"U" * 16 + SAID),
    "mdat": _box(b"mdat", SAID),
    "zeros": bytes(8),
}
INSIDE = {
    "udta": ((b"moov",), _box(b"udta", _box(b"GPSX", SAID))),
    "tags": ((b"moov", b"udta"), _box(b"GPSX", SAID)),
    "udta of a track": ((b"moov", b"trak"), _box(b"udta", _box(b"ABCD", SAID))),
    "uuid": ((b"moov",), _box(b"uuid", b"U" * 16 + SAID)),
    "meta": ((b"moov",), _box(b"meta", bytes(4) + _box(b"xml ", bytes(4) + SAID))),
    "free": ((b"moov", b"trak", b"mdia", b"minf"), _box(b"free", SAID)),
    "behind a table": ((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"), SAID),
    "behind the pictures": ((b"mdat",), SAID),
}


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_boxes_that_players_pass_by(suffix: str, tmp_path: Path) -> None:
    whole, file = _made(tmp_path / f"a.{suffix}", Clip(frames=10)), tmp_path / f"b.{suffix}"
    assert _check(whole, frames=10).passed, _check(whole, frames=10).sentence
    data = whole.read_bytes()
    moov = data[data.index(b"moov") - 4 :]
    hidden = {f"{name} behind": data + more for name, more in {**BEHIND, "moov": moov}.items()}
    for name, (parents, box) in INSIDE.items():
        if parents[-1] in data:
            hidden[f"{name} inside"] = _into(data, parents, box)
    hidden["a name"] = data.replace(bytes(32) + b"\0\x18\xff\xff", SAID.ljust(32, b"\0") + b"\0\x18\xff\xff")
    for name, new in hidden.items():
        assert new != data
        file.write_bytes(new)
        assert foreign_boxes(file), name
    for name in ("uuid behind", "uuid inside", "udta of a track inside"):
        file.write_bytes(hidden[name])
        assert not _check(file, frames=10).passed, name


def _element(number: bytes, data: bytes) -> bytes:
    return number + (0x4000 | len(data)).to_bytes(2) + data


def test_elements_that_players_pass_by(tmp_path: Path) -> None:
    whole, file = _made(tmp_path / "a.mkv", Clip(frames=10)), tmp_path / "b.mkv"
    assert _check(whole, frames=10).passed, _check(whole, frames=10).sentence
    data = whole.read_bytes()
    gap = data.index(b"\xec", data.index(bytes.fromhex("114d9b74")))
    block = data.index(b"\xa3", data.index(bytes.fromhex("1f43b675")))
    hidden = {
        "void behind": data + _element(b"\xec", SAID),
        "bytes behind": data + SAID,
        "another file behind": data + data,
        "in a gap": data[: gap + 20] + SAID + data[gap + 20 + len(SAID) :],
        "a block of no track": data[: block + 3] + b"\x89" + data[block + 4 :],
    }
    assert not any(data[gap + 20 : gap + 20 + len(SAID)])
    for name, new in hidden.items():
        file.write_bytes(new)
        assert foreign_elements(file), name
    file.write_bytes(hidden["in a gap"])
    assert not _check(file, frames=10).passed


def test_packets_that_players_pass_by(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(frames=10))
    whole, file = tmp_path / "a.ts", tmp_path / "b.ts"
    _ffmpeg("-i", source, "-c", "copy", "-bsf:v", "filter_units=remove_types=6", "-fflags", "+bitexact", whole)
    assert _check(whole, frames=10).passed, _check(whole, frames=10).sentence
    data, named = whole.read_bytes(), tmp_path / "named.ts"
    _ffmpeg("-i", whole, "-c", "copy", "-metadata", "service_name=Jane Doe", "-fflags", "+bitexact", named)
    filled = next(i for i in range(0, len(data), 188) if data[i + 3] & 0x20 and data[i + 4] > 40) + 20
    hidden = {
        "of no stream": data + b"\x47\x05\x55\x10" + SAID.ljust(184, b"\xff"),
        "null": data + b"\x47\x1f\xff\x10" + SAID.ljust(184, b"\xff"),
        "behind": data + SAID,
        "no packet": data + SAID.ljust(188, b"\0"),
        "a name": named.read_bytes(),
        "behind a table": data[:100] + SAID + data[100 + len(SAID) :],
        "in what fills": data[:filled] + SAID + data[filled + len(SAID) :],
    }
    for name, new in hidden.items():
        file.write_bytes(new)
        assert foreign_packets(file), name
    file.write_bytes(hidden["null"])
    assert not _check(file, frames=10).passed


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_s16le", "mov"), ("flac", "mp4"), ("mp2", "mp4"), ("ac3", "mov")])
def test_sound_of_any_coding_belongs_there(codec: str, suffix: str, runner: LocalRunner, tmp_path: Path) -> None:
    picture, source = write_clip(tmp_path / "picture.mkv", Clip(frames=20)), tmp_path / f"in.{suffix}"
    tone = ("-f", "lavfi", "-i", "sine=duration=0.8", "-ac", "2")
    _ffmpeg("-i", picture, *tone, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", codec, source)
    released = redact.run(source, tmp_path / f"out.{suffix}", LOUD, runner=runner).output
    assert [s.split(":")[0] for s in inspect(released).streams] == ["video", "audio"]


@pytest.mark.parametrize(
    ("clip", "suffix"),
    [
        (Clip(frames=10, width=322, height=242), "mp4"),
        (Clip(frames=10, width=321, height=241, pix_fmt="yuv444p"), "mov"),
        (Clip(frames=10, width=322, height=242, codec="libx265", options=H265), "mp4"),
        (Clip(frames=10, width=321, height=241, codec="libx265", pix_fmt="yuv444p", options=H265), "mkv"),
        (Clip(frames=10, width=322, height=244, interlaced=True), "mp4"),
        (Clip(frames=10, width=324, height=242, interlaced=True, codec="mpeg2video"), "mp4"),
        (Clip(frames=10, width=322, height=242, pix_fmt="gray"), "mkv"),
        (Clip(frames=10, rotation=270, sar=Fraction(16, 11)), "mov"),
        (Clip(frames=10, sar=Fraction(107, 100)), "mkv"),
        (Clip(frames=10, audio=True, times=tuple(1234 + 40 * i for i in range(10))), "ts"),
        (Clip(frames=10, audio=True, times=tuple(1234 + 40 * i for i in range(10))), "mp4"),
    ],
    ids=lambda v: str(v) if isinstance(v, str) else f"{v.codec}-{v.width}x{v.height}-{v.pix_fmt}",
)
def test_a_release_passes(clip: Clip, suffix: str, runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv" if not clip.rotation else tmp_path / "in.mov", clip)
    assert redact.run(source, tmp_path / f"out.{suffix}", LOUD, runner=runner).frames == 10
