"""A folder with footage for all tests of batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with footage in it, so far as names go: nothing here opens it."""
    (tmp_path / "footage").mkdir()
    for name in ("lobby.mp4", "gate-b.mov", "gate-c.mp4", "gate-a.mp4", "yard.mkv", "still.jpg", "old.dav"):
        (tmp_path / "footage" / name).touch()
    return tmp_path


@pytest.fixture
def two_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that work is done in, with two pictures, one the other upside down."""
    for name, turn in (("a.png", 0), ("b.png", 1)):
        y, x = np.mgrid[0:240, 0:320]
        pixels = np.stack([x % 256, y % 256, (x + y) // 2 % 256], 2).astype(np.uint8)
        Image.fromarray(np.rot90(pixels, 2 * turn)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
