"""What redact writes, and what it is to programs, is documented as it is: plan, record, JSON, Python."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import jsonschema
import pictures
import pytest
from clips import Clip, write_clip
from contracts.detectors import photo
from pages import DOCS, blocks_in, first_column, read, tables_in
from PIL import Image

import redact
from redact.batch.requests import Request, request_contents
from redact.errors import RecipeError
from redact.findings import Kind
from redact.pipeline import run_video
from redact.plan_io import parse_plan
from redact.run.local import LocalRunner
from redact.scope import Scope
from redact.zones import Zone, parse_points


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
    Image.fromarray(pictures.person(30, 0, 3)[..., :3]).save(picture)
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
    documented = first_column(read("docs/record.md"), "field")
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
    documented = first_column(read("docs/record.md"), "name")
    assert [c["name"] for c in records[0]["verification"]["checks"]] == documented
    still = [c["name"] for c in records[1]["verification"]["checks"]]
    assert ", ".join(f"`{n}`" for n in still[:-1]) + f" and `{still[-1]}`" in read("docs/record.md")


def test_plan_format() -> None:
    text = read("docs/plan-format.md")
    example, addition = blocks_in(text, "json")
    plan = parse_plan(example, "example")
    _valid(json.loads(example), "plan")
    assert {t.kind for t in plan.tracks} == {Kind.FACE, Kind.ZONE}
    assert _fields(json.loads(example), {"tracks[].outline", "black"}) == set(first_column(text, "field"))
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
    text = read("docs/json-output.md")
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
    table = next(tables_in(_section("redact run")))
    when = {row[0].strip("`"): row[1] for row in table[1:]}
    assert set(released) == {f for f, w in when.items() if w in ("always", "released")}
    assert set(refused) == {f for f, w in when.items() if w in ("always", "refused")}
    Image.fromarray(photo("zidane.jpg", 640)).save(folder / "people.png")
    found = _redact(folder, "detect", "people.png", "--json")
    fields = set(first_column(_section("redact detect"), "field"))
    assert {f for row in found for f in _fields(row, {"detections[].box"})} - {"detections"} == fields


def test_json_of_batch(folder: Path) -> None:
    with (folder / "requests.csv").open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["id", "source", "operator", "purpose", "legal_basis", "start", "end"])
        writer.writerow(["1", "in.mp4", "window 3", "a test", "none", "0.5", "1"])
    (row,) = _redact(folder, "batch", "requests.csv", "-o", "batch", "--json", "--events", "events.jsonl")
    assert set(row) == set(first_column(_section("redact batch"), "field"))
    assert row["fate"] == "released"
    for line in (folder / "events.jsonl").read_text().splitlines():
        assert {"time", "event"} <= set(json.loads(line))


EXAMPLES = [
    *blocks_in(read("docs/python-api.md"), "python"),
    "\n".join(line[4:] for line in str(redact.__doc__).splitlines() if line.startswith("    ")),
]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_python_examples_run(number: int, folder: Path) -> None:
    script = folder / f"example{number}.py"
    script.write_text(EXAMPLES[number].replace("out.mp4", f"out{number}.mp4"))
    done = subprocess.run(
        [sys.executable, script.name], cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr


def test_python_functions_are_listed() -> None:
    functions = {f.split("(")[0].removeprefix("redact.") for f in first_column(read("docs/python-api.md"), "function")}
    assert functions == {n for n in redact.__all__ if n[0].islower()}


def test_functions_of_the_other_commands_are_where_the_page_says() -> None:
    named = re.findall(r"`(redact\.[a-z_.]+\.[a-z_]+)\(", read("docs/python-api.md"))
    assert len(named) > 5
    for name in named:
        module, _, function = name.rpartition(".")
        assert callable(getattr(import_module(module), function)), name
