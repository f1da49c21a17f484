"""A plan that a person has changed: what is wrong with it is said before anything is rendered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import redact
from redact.errors import RecipeError, UsageError
from redact.findings import KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box
from redact.plan_io import dump_plan, holds, parse_plan

FRAMES = 24
PLAN = RedactionPlan(
    SourceId("0" * 64, FRAMES, 320, 240),
    "1" * 64,
    ("redact-pico",),
    (Track(1, Kind.FACE, tuple(KeyBox(i, Box(10, 10, 50, 50)) for i in (3, 9, FRAMES - 1))),),
    black=(0, FRAMES - 1),
)


def _changed(**values: object) -> str:
    return json.dumps(json.loads(dump_plan(PLAN)) | values)


def _keys(*frames: int) -> list[dict[str, object]]:
    return [{"id": 1, "kind": "face", "keys": [{"frame": f, "box": [1, 1, 9, 9]} for f in frames]}]


def _drawn(*boxes: list[object], **more: object) -> list[dict[str, object]]:
    """A track with a box in each frame from 2 on."""
    return [{"id": 900, "kind": "face", "keys": [{"frame": f, "box": b} for f, b in enumerate(boxes, 2)]} | more]


INSIDE: list[object] = [1, 1, 9, 9]
BOW_TIE = [[10, 10], [50, 50], [50, 10], [10, 50]]


def test_the_last_frame_is_one() -> None:
    assert parse_plan(dump_plan(PLAN), "plan") == PLAN


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"black": [500]}, "black: there is no frame 500: frames are numbered 0 to 23."),
        ({"black": [FRAMES, 3]}, "black: there is no frame 24"),
        ({"tracks": _keys(3, FRAMES)}, "track 1: there is no frame 24: frames are numbered 0 to 23."),
        ({"tracks": _keys(9, 3)}, "track 1: its key boxes must stand in the order of their frames"),
        ({"tracks": _keys(9, 3)}, "frame 3 stands behind frame 9"),
        ({"tracks": _keys(3, 3)}, "each frame once; frame 3 stands behind frame 3"),
        ({"tracks": [{"id": 1, "kind": "face", "keys": []}]}, "track 1: keys must have at least 1 item, got 0."),
        ({"tracks": _drawn([9, 1, 1, 9])}, "track 900, frame 2: a box is left, top, right, bottom; right must not be"),
        ({"tracks": _drawn(INSIDE, [1, 9, 9, 1])}, "track 900, frame 3: a box is left, top, right, bottom; "),
        ({"tracks": _drawn(INSIDE, [1, 9, 9])}, "track 900, frame 3: box item 4 is missing."),
        ({"tracks": _drawn(["left", 9, 9, 9])}, "track 900, frame 2: box item 1 must be a number, got 'left'."),
        ({"tracks": _drawn(INSIDE, kind="car")}, "track 900: kind must be 'face', 'plate' or 'zone', got 'car'."),
        ({"tracks": _drawn(INSIDE, shape="box")}, "track 900: shape is not a field that plans have."),
        ({"tracks": [{"kind": "face", "keys": []}]}, "the track that is number 1 in the list: id is missing."),
        ({"tracks": [*_drawn(INSIDE), *_drawn(INSIDE)]}, "track 900: 2 tracks have this id"),
        ({"tracks": _drawn([400, 10, 450, 50])}, "track 900, frame 2: from there on it hides nothing: all of it lies"),
        ({"tracks": _drawn([10, 240, 50, 290], [10, -50, 50, 0])}, "outside the picture of 320x240 px"),
        ({"tracks": _drawn([10, 10, 10, 50])}, "or is empty"),
        ({"tracks": _drawn(INSIDE, outline=[[20, 20], [90, 20], [90, 90]])}, "or outside its outline"),
        (
            {"tracks": _drawn([10, 10, 50, 50], outline=[[20, 20], [90, 20], [90, 90]])},
            "its outline reaches beyond its box",
        ),
        ({"tracks": _drawn([10, 10, 50, 50], outline=BOW_TIE)}, "track 900: outline: the polygon crosses itself where"),
        ({"scope": {"start": 10**400}}, "scope.start is no time"),
        ({"scope": {"start": "1:20"}}, "scope.start is no time: write seconds, such as 80 or 125.5."),
        ({"scope": {"start": 2, "end": 1}}, "scope: the end, 0:00:01, is not after the start, 0:00:02."),
        ({"looked": {"first": 9, "last": 8}}, "looked: the last frame, 8, comes before the first, 9."),
        ({"surprise": 1}, "surprise is not a field that plans have."),
        ({"recipe_sha256": 1}, "recipe_sha256 must be text, in quotation marks, got 1."),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, object], says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_plan(_changed(**values), "plan.json")
    assert caught.value.message.startswith("plan.json: ")
    assert says in caught.value.message


def test_a_region_may_pass_by_outside_between_two_keys() -> None:
    """Nobody could see it at either of its keys, and everybody halfway between them."""
    passing = [
        {"id": 1, "kind": "face", "keys": [{"frame": f, "box": [x, 1, x + 9, 9]} for f, x in ((2, -20), (9, 330))]}
    ]
    assert parse_plan(_changed(tracks=passing), "plan.json").regions(5)


@pytest.mark.parametrize(("key", "field"), [("examined", '"examined": 9'), ("tracks", '"tracks": []')])
def test_a_key_that_stands_twice_is_not_swallowed(key: str, field: str) -> None:
    doubled = dump_plan(PLAN).replace(' "black"', f' {field},\n "black"')
    with pytest.raises(RecipeError, match=f"plan.json: the key '{key}' stands twice in one place"):
        parse_plan(doubled, "plan.json")


def test_endless_brackets_are_no_plan() -> None:
    with pytest.raises(RecipeError, match="is nested too deeply"):
        parse_plan("[" * 100_000, "plan.json")


def test_a_plan_is_saved_as_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    redact.save_plan(PLAN, file)
    assert redact.load_plan(file) == PLAN
    with pytest.raises(UsageError, match="exists already"):
        redact.save_plan(PLAN, file)
    redact.save_plan(PLAN, file, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_a_plan_that_notepad_saved(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(dump_plan(PLAN), encoding="utf-8-sig")
    assert redact.load_plan(plan) == PLAN
    assert holds(plan, PLAN)
    plan.write_text(dump_plan(PLAN), encoding="utf-16")
    with pytest.raises(RecipeError, match=r"the plan is not UTF-8 text\. Save it as UTF-8\.$"):
        redact.load_plan(plan)
