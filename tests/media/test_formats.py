"""Every container and codec: what goes in is counted, decoded whole and written with its times and looks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, write_clip
from kinds import CASES

from redact.media.audio import AudioEdit, Stretch
from redact.media.cut import cut
from redact.media.decode import decode
from redact.media.encode import SegmentWriter, choose_encoding
from redact.media.frames import plane_views
from redact.media.mux import container_for, mux
from redact.media.probe import probe
from redact.media.segments import plan_segments
from redact.media.source import Source, excerpt
from redact.period import WHOLE
from redact.policy import EncodePolicy


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Path]:
    clip = CASES[request.param]
    return clip, write_clip(tmp_path_factory.mktemp("format") / request.param, clip)


def _bytes(image: av.VideoFrame) -> bytes:
    return b"".join(v.data.tobytes() for v in plane_views(image))


def _plain_decode(file: Path) -> list[bytes]:
    """All pictures as PyAV gives them when nothing clever is done."""
    with av.open(str(file)) as c:
        return [_bytes(f) for f in c.decode(video=0)]


def test_segments_give_every_frame_once_and_whole(case: tuple[Clip, Path]) -> None:
    clip, file = case
    source = probe(file)
    assert not source.damage
    assert source.frames == clip.frames
    frames = [f for s in plan_segments(source) for f in decode(excerpt(source, s))]
    assert [f.index for f in frames] == list(range(clip.frames))
    assert [f.damage for f in frames] == [None] * clip.frames
    expected = _plain_decode(file)
    assert [_bytes(f.image) for f in frames if f.image] == expected


def _release(source: Source, folder: Path, output: Path, keep_audio: bool = False) -> Source:
    files = []
    for s in plan_segments(source):
        files.append(folder / f"{s.number}.nut")
        with SegmentWriter(files[-1], excerpt(source, s), EncodePolicy()) as w:
            for f in decode(excerpt(source, s)):
                assert f.image is not None
                w.write(f.image, f.pts)
    audio = AudioEdit(Stretch(Fraction(0)), (), Fraction(0)) if keep_audio else None
    mux(source, cut(source, WHOLE), files, output, container_for(output), audio)
    return probe(output)


def test_release_keeps_times_and_looks(case: tuple[Clip, Path], tmp_path: Path) -> None:
    _, file = case
    source = probe(file)
    suffix = file.suffix if file.suffix in (".mp4", ".mov", ".mkv", ".ts") else ".mp4"
    released = _release(source, tmp_path, tmp_path / f"out{suffix}")
    assert not released.damage
    a, b = source.format, released.format
    before = [int(t) * a.time_base for t in source.pts]
    after = [int(t) * b.time_base for t in released.pts]
    shift = after[0] - before[0] if suffix == ".ts" else Fraction(0)
    assert [t + shift for t in before] == after
    assert b.codec == ("hevc" if a.codec == "hevc" else "h264")
    assert (b.display.size, b.display.rotation) == (a.display.size, a.display.rotation)
    assert (b.display.sar_num, b.display.sar_den) == (a.display.sar_num, a.display.sar_den)
    assert (b.color_primaries, b.color_trc, b.colorspace) == (a.color_primaries, a.color_trc, a.colorspace)
    assert b.interlaced == a.interlaced
    assert b.pix_fmt == choose_encoding(a).pix_fmt == a.pix_fmt


def test_audio_is_kept_in_sync(tmp_path: Path) -> None:
    source = probe(write_clip(tmp_path / "sound.mp4", Clip(audio=True)))
    _release(source, tmp_path, tmp_path / "out.mp4", keep_audio=True)

    def sound(file: Path) -> tuple[np.ndarray, float]:
        with av.open(str(file)) as c:
            frames = list(c.decode(audio=0))
        return np.concatenate([f.to_ndarray()[0] for f in frames]), float(frames[0].time or 0.0)

    before, begins = sound(source.path)
    after, begins_after = sound(tmp_path / "out.mp4")
    assert np.array_equal(before, after)
    assert begins == begins_after


def test_index_stands_in_front_and_nothing_is_fragmented(plain_clip: Path, tmp_path: Path) -> None:
    _release(probe(plain_clip), tmp_path, tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"moof" not in data
