"""Runs redact as people do: in a process of its own, as if nobody had said that this is a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_HIDDEN = ("CI", "ORT_DISABLE_TELEMETRY")


def redact(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs ``redact`` with these words in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "redact", *map(str, words)],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k not in _HIDDEN} | environment,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=240,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Checks that a command ended with a code and one sentence, which holds these words."""
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("redact: ")
    for w in words:
        assert w in lines[0]
