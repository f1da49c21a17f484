"""The same pictures give the same bytes, whatever lay in memory before: encoders read nothing that nobody wrote."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clips import Clip, write_clip

_RENDER = """
import sys
from pathlib import Path
from redact.api import policy_of
from redact.findings import RedactionPlan
from redact.media.segments import plan_segments
from redact.media.source import excerpt
from redact.video import open_video, source_id
from redact.rendering import render
policy = policy_of("export-batch")
source = open_video(Path(sys.argv[1]), policy)
plan = RedactionPlan(source_id(source), policy.sha256, (), ())
print(render(excerpt(source, plan_segments(source)[0]), plan, (), policy, Path(sys.argv[2])).file)
"""


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_memory_that_nobody_wrote_is_not_read(codec: str, tmp_path: Path) -> None:
    """480x270: rows of macroblocks that fill no whole vector. glibc fills fresh memory with what we say."""
    clip = write_clip(tmp_path / "clip.mp4", Clip(codec=codec, width=480, height=270, frames=60))
    made = set()
    for filling in ("0", "85", "170"):
        folder = tmp_path / filling
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", _RENDER, str(clip), str(folder)],
            env=os.environ | {"MALLOC_PERTURB_": filling},
            capture_output=True,
            text=True,
            check=True,
        )
        made.add(hashlib.sha256(Path(done.stdout.strip()).read_bytes()).hexdigest())
    assert len(made) == 1
