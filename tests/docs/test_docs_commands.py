"""What a person types is documented as it is: commands, options, recipes, requests, codes, endings."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

import pytest
import reference
import tomlkit
from clips import Clip, write_clip
from pages import OURS, ROOT, blocks_in, first_column, read, tables_in
from pydantic import BaseModel
from typer.testing import CliRunner

import redact
from redact import errors
from redact.batch.requests import Request
from redact.batch.rows import COLUMNS
from redact.cli import app
from redact.errors import RedactError, SourceError
from redact.media.images import READABLE
from redact.media.mux import CONTAINERS
from redact.policy import Policy, parse_policy


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    for file, text in reference.files().items():
        assert file.read_text(encoding="utf-8") == text, f"run python docs/reference.py: {file} is not up to date"


def _parse(words: list[str]) -> None:
    """Parses a command as the program would, without running it. Raises what the program would print."""
    known = reference.commands()
    name = next(n for k in (3, 2) for n in [" ".join(words[:k])] if n in known)
    known[name].make_context(name, words[len(name.split()) :])


COMMAND_LINES = [
    (page.name, line.split("#")[0].strip())
    for page in OURS
    for block in blocks_in(page.read_text(encoding="utf-8"), "sh")
    for line in block.splitlines()
    if line.startswith("redact ")
]


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_commands_in_the_documentation_parse(page: str, line: str) -> None:
    _parse(shlex.split(line))


def test_commands_in_sentences_exist() -> None:
    names = set(reference.commands())
    words = {w for n in names for w in n.split()[1:]}
    options = {o for c in reference.commands().values() for p in c.params for o in (*p.opts, *p.secondary_opts)}
    options |= {"--help", "--version", "--install-completion", "--show-completion"}
    for page in OURS:
        for code in re.findall(r"`(redact [^`\n]*)`", page.read_text(encoding="utf-8")):
            for word in code.split()[1:]:
                if word.startswith("-"):
                    assert word in options, f"{page.name}: {code}"
            first = code.split()[1]
            assert first in words | {"COMMAND"} or first.startswith("-"), f"{page.name}: {code}"


def test_every_command_is_in_the_readme_or_a_page_of_its_own() -> None:
    written = "\n".join(p.read_text(encoding="utf-8") for p in OURS if p.name != "cli.md")
    for name in reference.commands():
        assert f"{name}" in written, name


def test_help_has_an_example_that_parses() -> None:
    for name, command in reference.commands().items():
        assert command.epilog.startswith("Example: redact "), name
        _parse(shlex.split(command.epilog.removeprefix("Example: ")))
        shown = CliRunner().invoke(app, [*name.split()[1:], "--help"])
        assert shown.exit_code == 0
        assert "Example:" in shown.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands(shell: str) -> None:
    environment = os.environ | {
        "_REDACT_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "redact re",
        "COMP_WORDS": "redact re",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [shutil.which("redact", path=Path(sys.executable).parent) or "redact"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "render" in done.stdout, done.stderr


def _written(value: Any) -> str:
    """A default as a recipe writes it."""
    return str(tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string())


def _range(field: Any) -> str:
    limits = {type(m).__name__: m for m in field.metadata}
    return f"{limits['Ge'].ge} to {limits['Le'].le}" if "Le" in limits else ""


def _keys() -> dict[str, tuple[str, Any]]:
    """Every key of a recipe: (section, field); keys that two sections share would need a look at this test."""
    found: dict[str, tuple[str, Any]] = {}
    for name, field in Policy.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for n, f in field.annotation.model_fields.items():
                found[f"{name}.{n}"] = (name, f)
        else:
            found[field.alias or name] = ("", field)
    return found


def test_every_recipe_key_is_documented_with_its_default_and_range() -> None:
    documented: dict[str, list[str]] = {}
    section = ""
    for part in re.split(r"^## ", read("docs/recipes.md"), flags=re.MULTILINE)[1:]:
        sections = re.findall(r"`\[(\w+)\]`", part.splitlines()[0])
        for table in tables_in(part):
            if table[0][0] != "key":
                continue
            for row in table[1:]:
                named = re.match(r"In `\[(\w+)\]`", row[3])
                section = named[1] if named else (sections[0] if sections else "")
                key = row[0].strip("`")
                documented[f"{section}.{key}" if section else key] = row
    keys = _keys()
    assert set(documented) == set(keys)
    for name, row in documented.items():
        field = keys[name][1]
        default = "must be given" if field.is_required() else f"`{_written(field.default)}`"
        assert row[1] == default, name
        if _range(field):
            assert row[2].startswith(_range(field)), name
        for choice in get_args(field.annotation):
            if isinstance(choice, str):
                assert f'`"{choice}"`' in row[2], name


def test_recipes_that_ship_are_right_and_named() -> None:
    files = sorted((ROOT / "pipelines").glob("*.toml"))
    names = [redact.policy_of(f).name for f in files]
    assert names == [f.stem for f in files]
    for page in ("README.md", "docs/recipes.md"):
        assert sorted(first_column(read(page), "name" if page == "README.md" else "recipe")) == names


def test_recipes_in_the_documentation_parse() -> None:
    blocks = blocks_in(read("docs/recipes.md"), "toml")
    assert blocks
    for block in blocks:
        parse_policy(block, "docs/recipes.md")


def test_exit_codes() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, RedactError)]
    codes = {str(k.exit_code) for k in kinds} | {"0"}
    for page, head in (("docs/exit-codes.md", "code"), ("README.md", "exit code")):
        listed = first_column(read(page), head)
        assert len(listed) == len(set(listed))
        assert set(listed) == codes, page


def test_endings() -> None:
    text = read("docs/formats.md")
    assert set(first_column(text, "name ends in")) == set(CONTAINERS)
    images = re.search(r"Still images:.*?\(([^)]*)\)", text, re.DOTALL)
    assert images
    assert set(re.findall(r"`([^`]+)`", images[1])) == READABLE


def test_damage_that_the_page_describes_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip())
    source.write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(SourceError) as e:
        redact.run(source, tmp_path / "out.mkv")
    assert e.value.exit_code == 3


def test_fields_of_requests() -> None:
    table = next(tables_in(read("docs/requests.md")))
    assert {row[0].strip("`"): tuple(row[1].split()) for row in table[1:]} == dict(COLUMNS)
    needed = {row[0].strip("`") for row in table[1:] if row[2] == "yes"}
    optional = {f.name for f in fields(Request) if f.default is not MISSING}
    assert not needed & optional
