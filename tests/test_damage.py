"""Damaged sources: refused with a sentence, or each damaged frame black at its time and listed in the record."""

from __future__ import annotations

import json
import random
import struct
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, write_clip
from looks import same_outside

import redact
from redact.errors import SourceError
from redact.media.probe import probe
from redact.policy import DamagePolicy
from redact.run.local import LocalRunner

STRICT = redact.policy_of("public-release")
BLACK = STRICT.model_copy(update={"damage": DamagePolicy(on_damage="black")})


def _luma(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as c:
        return [f.to_ndarray(format="gray") for f in c.decode(video=0)]


def _overwrite_packet(file: Path, number: int) -> None:
    """Fills the middle of a coded picture with noise, as a bad sector does; the container stays whole."""
    with av.open(str(file)) as c:
        packets = [(p.pos, p.size) for p in c.demux(video=0) if p.size]
    pos, size = packets[number]
    data = bytearray(file.read_bytes())
    random.seed(1)
    data[pos + size // 3 : pos + size] = random.randbytes(size - size // 3)
    file.write_bytes(data)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_corrupt_packet(codec: str, runner: LocalRunner, tmp_path: Path) -> None:
    options = (("x265-params", "log-level=error"),) if codec == "libx265" else ()
    whole = write_clip(tmp_path / "whole.mp4", Clip(codec=codec, options=options))
    source = tmp_path / "in.mp4"
    source.write_bytes(whole.read_bytes())
    _overwrite_packet(source, 15)
    with pytest.raises(SourceError, match=r"frame \d+ .*cannot be decoded cleanly"):
        redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)
    assert not (tmp_path / "out.mp4").exists()

    outcome = redact.run(source, tmp_path / "out.mp4", BLACK, runner=runner)
    record = json.loads(outcome.record.read_text())
    listed = [b["frame"] for b in record["black_frames"]]
    assert outcome.black_frames == len(listed) > 0
    good, shown = _luma(whole), _luma(tmp_path / "out.mp4")
    assert len(shown) == len(good)
    for i, (a, b) in enumerate(zip(good, shown, strict=True)):
        if i in listed:
            assert b.max() < 24, f"frame {i} is listed as black"
        else:
            # Whatever is shown is the picture that the undamaged file has there: nothing concealed slipped through.
            assert same_outside(outcome.output, i, a, b), f"frame {i}"
    assert len(listed) <= 24, "damage ends with the GOP (12 frames) that it is in"


def test_lost_reference(runner: LocalRunner, tmp_path: Path) -> None:
    """A packet that is missing altogether: what refers to it is not shown."""
    whole = write_clip(tmp_path / "whole.mkv", Clip(options=(("bf", "0"),)))
    source = tmp_path / "in.mkv"
    with av.open(str(whole)) as a, av.open(str(source), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for n, p in enumerate(q for q in a.demux(video=0) if q.size):
            if n != 15:
                p.stream = stream
                b.mux(p)
    with pytest.raises(SourceError, match="cannot be decoded cleanly"):
        redact.run(source, tmp_path / "out.mkv", STRICT, runner=runner)
    outcome = redact.run(source, tmp_path / "out.mkv", BLACK, runner=runner)
    good, shown = _luma(whole), _luma(outcome.output)
    del good[15]
    listed = {b["frame"] for b in json.loads(outcome.record.read_text())["black_frames"]}
    assert listed
    for i, (a, b) in enumerate(zip(good, shown, strict=True)):
        assert b.max() < 24 if i in listed else same_outside(outcome.output, i, a, b)


def test_transport_stream_with_lost_packets(runner: LocalRunner, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.ts", Clip(width=640, height=480))
    data = whole.read_bytes()
    source = tmp_path / "in.ts"
    middle = len(data) // 188 // 2 * 188
    source.write_bytes(data[:middle] + data[middle + 3 * 188 :])
    with pytest.raises(SourceError):
        redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)
    outcome = redact.run(source, tmp_path / "out.mp4", BLACK, runner=runner)
    assert 0 < outcome.black_frames < outcome.frames


def test_cut_short_can_be_released_with_black(runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip())
    source.write_bytes(source.read_bytes()[:-3000])
    outcome = redact.run(source, tmp_path / "out.mkv", BLACK, runner=runner)
    assert 30 < outcome.frames < 50


def test_a_time_that_runs_backwards(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", Clip(options=(("bf", "0"),)))
    source = tmp_path / "in.ts"
    with av.open(str(whole)) as a, av.open(str(source), "w", format="mpegts", options={"mpegts_copyts": "1"}) as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for p in (q for q in a.demux(video=0) if q.size):
            p.stream = stream
            b.mux(p)
    data = bytearray(source.read_bytes())
    _shift_pes_times(data, first=20, ticks=-90000)
    source.write_bytes(data)
    assert any("backwards" in d or "share" in d for d in probe(source).damage)
    with pytest.raises(SourceError, match="damaged"):
        redact.run(source, tmp_path / "out.mp4", STRICT)


def _shift_pes_times(data: bytearray, first: int, ticks: int) -> None:
    """Moves the time stamps (ISO/IEC 13818-1 2.4.3.7) of the video PES packets from number ``first`` on."""
    at = seen = 0
    while (at := data.find(b"\x00\x00\x01\xe0", at)) >= 0:
        if seen >= first:
            flags = data[at + 7] >> 6
            for n in range(2 if flags == 3 else 1):
                p = at + 9 + 5 * n
                v = (data[p] >> 1 & 7) << 30 | (struct.unpack(">H", data[p + 1 : p + 3])[0] >> 1) << 15
                v = (v | struct.unpack(">H", data[p + 3 : p + 5])[0] >> 1) + ticks
                data[p] = data[p] & 0xF1 | (v >> 30 & 7) << 1
                data[p + 1 : p + 3] = struct.pack(">H", (v >> 15 & 0x7FFF) << 1 | 1)
                data[p + 3 : p + 5] = struct.pack(">H", (v & 0x7FFF) << 1 | 1)
        seen += 1
        at += 4


def test_a_header_that_announces_a_million_frames(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.avi", Clip(codec="mpeg4", frames=10))
    data = bytearray(source.read_bytes())
    strh = data.index(b"strh") + 8
    data[strh + 32 : strh + 36] = struct.pack("<I", 1_000_000)
    avih = data.index(b"avih") + 8
    data[avih + 16 : avih + 20] = struct.pack("<I", 1_000_000)
    source.write_bytes(data)
    assert probe(source).frames == 10
    with pytest.raises(SourceError, match="announces 1000000 frames, 10 are there"):
        redact.run(source, tmp_path / "out.mp4", STRICT)


def test_absurd_dimensions(tmp_path: Path) -> None:
    """Sixty thousand pixels a side, in a header that costs nothing to write."""
    source = write_clip(tmp_path / "in.avi", Clip(codec="mjpeg", pix_fmt="yuvj420p", frames=5))
    data = bytearray(source.read_bytes())
    at = 0
    while (at := data.find(b"\xff\xc0\x00\x11\x08", at)) >= 0:  # every JPEG frame header: height, width
        data[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
        at += 9
    source.write_bytes(data)
    with pytest.raises(SourceError):
        redact.run(source, tmp_path / "out.mp4", STRICT)
    assert sorted(tmp_path.iterdir()) == [source]


def test_picture_that_changes_its_size(runner: LocalRunner, tmp_path: Path) -> None:
    """A recorder that was set to another size half way: no frame of the other size is shown."""
    parts = [write_clip(tmp_path / f"{w}.h264", Clip(width=w, container="h264", frames=24)) for w in (320, 352)]
    source = tmp_path / "in.h264"
    source.write_bytes(b"".join(p.read_bytes() for p in parts))
    with pytest.raises(SourceError, match="unlike the first one's"):
        redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)


@pytest.mark.parametrize("name", ["export.mp4", "export.dav", "export.mpg"])
@pytest.mark.parametrize("junk", [0, 40, 1000])
def test_program_stream_as_recorders_export_it(name: str, junk: int, runner: LocalRunner, tmp_path: Path) -> None:
    """MPEG-PS with H.264 inside, under any name, with a vendor's bytes ahead of the first pack header."""
    clip = write_clip(tmp_path / "ps.mpg", Clip(container="vob", frames=30))
    source = tmp_path / name
    data = clip.read_bytes()
    clip.unlink()
    vendor = (b"IMKH\x01\x01" * 200)[:junk]
    source.write_bytes(vendor + data)
    outcome = redact.run(source, tmp_path / "out.mp4", runner=runner)
    assert outcome.frames == 30


@pytest.mark.parametrize("crf", [17, 24])
def test_program_stream_with_a_start_code_across_two_packets(crf: int, runner: LocalRunner, tmp_path: Path) -> None:
    """The library gives two frames one time there, of 30 at this quality; all are shown at theirs."""
    source = write_clip(tmp_path / "in.mpg", Clip(container="vob", frames=30, options=(("crf", str(crf)),)))
    with av.open(str(source)) as c:
        times = [p.pts for p in c.demux(video=0) if p.size]
    assert any(a is not None and a == b for a, b in pairwise(times)), "no such place in this file"
    released = probe(redact.run(source, tmp_path / "out.mp4", runner=runner).output)
    assert len(released.pts) == 30
    assert len(set(np.diff(released.pts))) == 1


def test_source_that_changes_while_it_is_read(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip())

    class Meddler:
        """Runs the jobs in this process, and touches the source after the first rendered segment."""

        def map(self, function, jobs):  # type: ignore[no-untyped-def]
            for job in jobs:
                yield function(*job)
                if function.__name__ == "render":
                    with source.open("ab") as f:
                        f.write(b"\0")

    with pytest.raises(SourceError, match="changed while it was read"):
        redact.run(source, tmp_path / "out.mp4", runner=Meddler())
    assert sorted(tmp_path.iterdir()) == [source]
