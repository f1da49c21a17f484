"""The arithmetic of recall, covered share and findings on nothing, on pictures whose answer is known."""

from __future__ import annotations

import pytest

from redact.detect.measure import Labels, Tally
from redact.findings import Detection, Kind
from redact.geometry import Box

FACE = Box(100, 100, 120, 124)  # 24 px high


def face(box: Box, score: float) -> Detection:
    return Detection(Kind.FACE, box, score)


def tally(*pictures: tuple[Labels, list[Detection]]) -> Tally:
    t = Tally(Kind.FACE, padding=0.2)
    for labels, found in pictures:
        t.add(labels, found, 0.25)
    return t


def test_a_finding_counts_from_its_score_on() -> None:
    t = tally((Labels(Kind.FACE, (FACE,)), [face(FACE, 0.4), face(Box(0, 0, 20, 20), 0.2)]))
    assert (t.at(0.5).recall, t.at(0.5).unmatched_per_picture) == (0, 0)
    assert (t.at(0.4).recall, t.at(0.4).unmatched_per_picture) == (1, 0)
    assert (t.at(0.1).recall, t.at(0.1).unmatched_per_picture) == (1, 1)
    assert [(b.px, b.boxes) for b in t.at(0.1).bins] == [("16-32", 1)]
    assert t.cpu_ms_per_picture == pytest.approx(250)


def test_of_two_findings_on_one_face_one_is_on_nothing() -> None:
    n = tally((Labels(Kind.FACE, (FACE,)), [face(FACE, 0.9), face(Box(101, 101, 121, 125), 0.8)])).at(0.1)
    assert (n.recall, n.unmatched_per_picture) == (1, 1)


def test_two_faces_need_two_findings() -> None:
    other = Box(110, 100, 130, 124)
    n = tally((Labels(Kind.FACE, (FACE, other)), [face(FACE, 0.9)])).at(0.1)
    assert n.recall == 0.5


def test_other_kinds_do_not_count() -> None:
    n = tally((Labels(Kind.FACE, (FACE,)), [Detection(Kind.PLATE, FACE, 0.9)])).at(0.1)
    assert (n.recall, n.covered, n.unmatched_per_picture) == (0, 0, 0)


@pytest.mark.parametrize("ignored", [(Box(0, 0, 30, 30),), ()])
def test_ignored_regions_count_neither_way(ignored: tuple[Box, ...]) -> None:
    n = tally((Labels(Kind.FACE, (), ignored), [face(Box(5, 5, 20, 20), 0.9)])).at(0.1)
    assert n.unmatched_per_picture == (0 if ignored else 1)
    assert n.boxes == 0


def test_objects_too_small_to_count_are_ignored() -> None:
    tiny = Box(50, 50, 56, 57.5)
    n = tally((Labels(Kind.FACE, (tiny,)), [face(tiny, 0.9), face(Box(49, 49, 58, 59), 0.8)])).at(0.1)
    assert (n.boxes, n.unmatched_per_picture) == (0, 0)


def test_covered_by_padding_and_by_several() -> None:
    smaller = Box(103, 103.5, 117, 120.5)  # its padded box just reaches the sides of the face
    assert tally((Labels(Kind.FACE, (FACE,)), [face(smaller, 0.6)])).at(0.5).covered == 1
    left, right = Box(100, 100, 109, 124), Box(111, 100, 120, 124)
    t = tally((Labels(Kind.FACE, (FACE,)), [face(left, 0.9), face(right, 0.3)]))
    assert (t.at(0.5).covered, t.at(0.3).covered) == (0, 1)


def test_the_score_for_a_budget() -> None:
    nothing = [face(Box(0, 30.0 * i, 20, 30.0 * i + 20), s) for i, s in enumerate((0.9, 0.7, 0.5, 0.3))]
    t = tally((Labels(Kind.FACE, (FACE,)), [*nothing, face(FACE, 0.6)]), (Labels(Kind.FACE, ()), []))
    n = t.at(t.score_for(1.0))  # two pictures: two findings on nothing
    assert (n.unmatched_per_picture, n.recall, n.score) == (1.0, 1.0, 0.6)
    assert t.at(t.score_for(0.0)).unmatched_per_picture == 0
