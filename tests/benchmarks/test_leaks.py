"""benchmarks/leaks.py tells clear from covered, whatever tool made the release."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from machine import transcode
from clips import Clip, write_clip
from leaking.judge import Tally, judge
from leaking.references import Reference, read_reference

from redact.demo import photograph
from redact.findings import Kind
from redact.geometry import Box

CLIP = Clip(width=640, height=360, frames=12, options=(("crf", "16"),))
STEP = 6  # px a frame that the camera moves


@pytest.fixture(scope="module")
def street() -> np.ndarray:
    """A photograph with two faces, RGB (720, 1280, 3)."""
    return photograph("zidane.jpg")


def _places(i: int) -> list[Box]:
    """Where the two faces lie in frame ``i``: about 37 and 40 px wide."""
    shift = STEP * i / 2
    return [
        Box(x1 / 2 - shift, y1 / 2, x2 / 2 - shift, y2 / 2)
        for x1, y1, x2, y2 in ((820, 90, 960, 260), (360, 240, 440, 350))
    ]


def _frame(street: np.ndarray, i: int) -> np.ndarray:
    """The picture at half its size, moved to the left."""
    moved = np.roll(street, -STEP * i, axis=1)
    return cv2.resize(moved, (CLIP.width, CLIP.height), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def source(street: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("leaks") / "in.mp4", CLIP, lambda _, i: _frame(street, i))


@pytest.fixture(scope="module")
def plain(source: Path) -> Path:
    file = source.with_name("plain.mp4")
    subprocess.run(transcode(source, file), check=True)
    return file


@pytest.fixture(scope="module")
def reference(source: Path) -> Reference:
    boxes = {str(i): [[*b.edges, 0.9, "both"] for b in _places(i)] for i in range(CLIP.frames)}
    file = source.with_name("faces.json")
    file.write_text(json.dumps({"frames": boxes, "agreed": boxes}))
    return read_reference([file])


def _covered(street: np.ndarray, i: int, how: str, share: float) -> np.ndarray:
    out = _frame(street, i).copy()
    for b in _places(i):
        x1, y1, x2, y2 = Box(b.x1 - 8, b.y1 - 8, b.x2 + 8, b.y2 + 8).to_ints()
        y2 = y1 + round(share * (y2 - y1))
        here = out[y1:y2, x1:x2]
        small = cv2.resize(here, (6, 6), interpolation=cv2.INTER_AREA)
        size = here.shape[1::-1]
        out[y1:y2, x1:x2] = {
            "solid": np.zeros_like(here),
            "blur": cv2.resize(small, size, interpolation=cv2.INTER_CUBIC),
            "mosaic": cv2.resize(small, size, interpolation=cv2.INTER_NEAREST),
        }[how]
    return out


def _share_clear(t: Tally) -> float:
    return sum(t.clear) / sum(t.seen)


@pytest.mark.parametrize("crf", [20, 28])
def test_a_plain_transcode_is_clear_everywhere(
    crf: int, source: Path, plain: Path, reference: Reference, tmp_path: Path
) -> None:
    other = tmp_path / "other.mp4"
    subprocess.run(transcode(source, other, crf=crf), check=True)
    result = judge(source, {"x": other}, plain, reference)["x"]
    tally = result.kinds[Kind.FACE]
    assert sum(tally.seen) == 2 * CLIP.frames
    assert _share_clear(tally) == 1
    assert tally.run_frames == CLIP.frames
    assert tally.run_seconds == pytest.approx(CLIP.frames / CLIP.rate)
    assert np.mean(result.unneeded) < 0.002


@pytest.mark.parametrize("how", ["solid", "blur", "mosaic"])
def test_what_is_covered_is_not_clear(
    how: str, street: np.ndarray, source: Path, plain: Path, reference: Reference, tmp_path: Path
) -> None:
    file = write_clip(tmp_path / "out.mp4", CLIP, lambda _, i: _covered(street, i, how, 1.0))
    result = judge(source, {"x": file}, plain, reference)["x"]
    assert _share_clear(result.kinds[Kind.FACE]) == 0
    assert result.kinds[Kind.FACE].run_frames == 0
    assert np.mean(result.unneeded) < 0.002


def test_half_a_face_is_clear(
    street: np.ndarray, source: Path, plain: Path, reference: Reference, tmp_path: Path
) -> None:
    file = write_clip(tmp_path / "out.mp4", CLIP, lambda _, i: _covered(street, i, "solid", 0.45))
    assert _share_clear(judge(source, {"x": file}, plain, reference)["x"].kinds[Kind.FACE]) == 1


def test_one_flash_frame_is_found_and_what_is_covered_for_nothing(
    street: np.ndarray, source: Path, plain: Path, reference: Reference, tmp_path: Path
) -> None:
    def picture(_: Clip, i: int) -> np.ndarray:
        out = _frame(street, i) if i == 5 else _covered(street, i, "blur", 1.0)
        out[:, :128] = 0  # a fifth of the picture, where nobody is
        return out

    file = write_clip(tmp_path / "out.mp4", CLIP, picture)
    result = judge(source, {"x": file}, plain, reference)["x"]
    assert sum(result.kinds[Kind.FACE].clear) == 2
    assert result.kinds[Kind.FACE].run_frames == 1
    assert 0.1 < np.mean(result.unneeded) <= 0.2


def test_releases_of_another_size_and_rate_are_compared_by_time(
    street: np.ndarray, source: Path, plain: Path, reference: Reference, tmp_path: Path
) -> None:
    """A tool that makes 360 rows 368 and shows every frame twice still shows everything."""
    twice = Clip(width=640, height=368, frames=2 * CLIP.frames, rate=2 * CLIP.rate, options=(("crf", "16"),))
    file = write_clip(tmp_path / "out.mp4", twice, lambda c, i: cv2.resize(_frame(street, i // 2), (c.width, c.height)))
    assert _share_clear(judge(source, {"x": file}, plain, reference)["x"].kinds[Kind.FACE]) == 1


def test_reads_plates_and_mot(tmp_path: Path) -> None:
    plates = tmp_path / "plates.json"
    plates.write_text(json.dumps({"frames": {"5": {"plates": [[10, 10, 60, 25]], "ignore": [[0, 0, 5, 5]]}}}))
    mot = tmp_path / "faces.csv"
    mot.write_text("6,1,100,50,20,30,1,1,1\n7,1,100,50,20,30,1,3,1\n")
    out = read_reference([plates, mot])
    assert [(m.frame, m.kind, m.box.edges) for m in out.marks] == [
        (5, Kind.PLATE, (10, 10, 60, 25)),
        (5, Kind.FACE, (100, 50, 120, 80)),
    ]
    assert out.complete == {5}
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="no reference"):
        read_reference([tmp_path / "x.json"])
