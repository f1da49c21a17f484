"""A plan that a person has changed: what is wrong with it is said before anything is rendered."""

from __future__ import annotations

import json

import pytest

from redact.errors import RecipeError
from redact.findings import KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box
from redact.plan_io import dump_plan, parse_plan

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
        ({"tracks": [{"id": 1, "kind": "face", "keys": []}]}, "at least 1 item"),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, object], says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_plan(_changed(**values), "plan.json")
    assert caught.value.message.startswith("plan.json: ")
    assert says in caught.value.message
