"""Who may import whom, as CONTRIBUTING.md says: read from the source, so that a slip shows before it grows roots."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "redact"
# What the stages are made of; none of them knows another one.
PARTS = ("detect", "media", "obscure", "track", "verify")
# What knows what a job is; nothing that a job is made of imports it.
JOBS = ("api", "batch", "cli", "pipeline", "run", "video")
# Besides media: a clip is made for the demo, a version is told, and a black frame is made.
KNOW_PYAV = {"demo.py", "doctor.py", "rendering.py"}


def _imports(file: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
    return found


def _roots(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imports(file)}


def _ours(file: Path) -> set[str]:
    """The parts of redact that a file imports, such as "media"."""
    return {name.split(".")[1] for name in _imports(file) if name.startswith("redact.")}


def _files(part: str) -> list[Path]:
    module = PACKAGE / f"{part}.py"
    return [module] if module.exists() else sorted((PACKAGE / part).glob("*.py"))


@pytest.mark.parametrize("part", PARTS)
def test_parts_do_not_know_each_other(part: str) -> None:
    files = _files(part)
    assert files
    for file in files:
        assert not _ours(file) & (set(PARTS) - {part}), file.name
        assert not _ours(file) & set(JOBS), file.name


def test_only_run_knows_ray() -> None:
    knows = {f.relative_to(PACKAGE).parts[0] for f in PACKAGE.rglob("*.py") if "ray" in _roots(f)}
    assert knows == {"run"}


def test_only_media_knows_pyav_and_ffmpeg() -> None:
    knows = {f.relative_to(PACKAGE).parts[0] for f in PACKAGE.rglob("*.py") if _roots(f) & {"av", "ffmpeg"}}
    assert knows == {"media"} | KNOW_PYAV


@pytest.mark.parametrize("part", ["track", "decide"])
def test_tracking_and_deciding_are_pure(part: str) -> None:
    for file in _files(part):
        assert not _roots(file) & {"av", "cv2", "ffmpeg", "io", "os", "pathlib", "ray", "tempfile", "torch"}, file.name
        assert "open(" not in file.read_text(encoding="utf-8"), file.name


def test_the_command_line_is_on_top() -> None:
    for file in PACKAGE.rglob("*.py"):
        if file.name != "__main__.py" and file.parent != PACKAGE / "cli":
            assert "cli" not in _ours(file), file.name
