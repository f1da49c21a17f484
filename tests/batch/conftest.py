"""A folder with footage for all tests of batches."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with footage in it, so far as names go: nothing here opens it."""
    (tmp_path / "footage").mkdir()
    for name in ("lobby.mp4", "gate-b.mov", "gate-c.mp4", "gate-a.mp4", "yard.mkv", "still.jpg", "old.dav"):
        (tmp_path / "footage" / name).touch()
    return tmp_path
