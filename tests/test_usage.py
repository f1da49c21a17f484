"""The commands of the scripts under benchmarks/, docs/ and models/, wherever they are written, are taken by them."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(p for folder in ("benchmarks", "docs", "models") for p in (ROOT / folder).rglob("*.py"))
PAGES = {*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").rglob("*.md")}


def _commands() -> list[tuple[str, str]]:
    """(where it is written, the command after "python"), each command once a place."""
    found: dict[tuple[str, str], None] = {}
    for page in sorted(PAGES) + SCRIPTS:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for command in re.findall(r"python ((?:benchmarks|docs|models)/\w+\.py[^\n`#,;]*)", text):
            # What is in brackets may be left out: here it is not.
            found[str(page.relative_to(ROOT)), re.sub(r"[\[\]]", "", command).strip()] = None
    return list(found)


class _Taken(Exception):
    """The command was parsed; nothing is to be done."""


@pytest.mark.parametrize(("page", "command"), _commands())
def test_a_script_takes_the_commands_that_are_written(page: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, *words = shlex.split(command)
    assert (ROOT / script).is_file()
    if "parse_args" not in (ROOT / script).read_text(encoding="utf-8"):
        assert not words
        return
    parse = argparse.ArgumentParser.parse_args

    def taken(self: argparse.ArgumentParser) -> None:
        parse(self, words)
        raise _Taken

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", taken)
    with pytest.raises(_Taken):
        import_module(Path(script).stem).main()


def test_every_benchmark_is_in_the_readme() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    scripts = {p.name for p in (ROOT / "benchmarks").glob("*.py") if "parse_args" in p.read_text(encoding="utf-8")}
    assert set(re.findall(r"python benchmarks/(\w+\.py)", text)) == scripts
