"""The whole job on every kind of file: found, obscured, verified and released."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import write_clip
from kinds import CASES

import redact
from redact.run.local import LocalRunner


@pytest.mark.parametrize("name", list(CASES))
def test_every_kind_is_released(name: str, runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / name, CASES[name])
    suffix = source.suffix if source.suffix in (".mp4", ".mov", ".mkv", ".ts") else ".mp4"
    outcome = redact.run(source, tmp_path / f"out{suffix}", runner=runner)
    assert outcome.frames == 50
    assert outcome.output.is_file()
