"""What a detector finds besides the labels, and what a training makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from contracts.detectors import photo

import compose
import second_look
from pack import FOUND, Example, Pack, write_pack
from redact.detect import load_cards, open_detector

FACES = np.array([(250, 100, 345, 240), (440, 45, 530, 145)], np.float32)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A picture with two faces of which one is labelled, once from a source of faces, once from one of plates too."""
    image = photo("zidane.jpg", 640)
    one = (FACES[:1], np.zeros(1, np.int64))
    write_pack(tmp_path, [Example(image, *one, "faces", (True, False)), Example(image, *one, "both", (True, True))])
    return tmp_path


def test_it_finds_what_is_not_labelled(pack: Path) -> None:
    detector = open_detector(load_cards()["redact-pico"], min_score=0.3)
    e = Pack(pack)[0]
    places = list(second_look.unlabelled(second_look.look(detector, e.image), e))
    faces = [box for box, c, _ in places if c == 0]
    assert any(box.iou(second_look.Box(*FACES[1].tolist())) > 0.5 for box in faces), "the other face"
    assert all(box.iou(second_look.Box(*FACES[0].tolist())) < second_look.SAME for box in faces)


def test_what_was_looked_at_before_a_stop_is_not_looked_at_again(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = pack / "kept"
    kept.mkdir()
    first = second_look.search(pack, "redact-pico", range(1), kept)
    assert len(json.loads(first.read_bytes())) == 1, "one list a picture"
    with monkeypatch.context() as m:
        m.setattr(second_look, "open_detector", lambda *a, **k: pytest.fail("was looked at again"))
        assert second_look.search(pack, "redact-pico", range(1), kept) == first
    second = second_look.search(pack, "redact-pico", range(1, 2), kept)
    assert second != first
    e = Pack(pack)[0]
    write_pack(pack, [e, e])
    assert second_look.search(pack, "redact-pico", range(1), kept) not in (first, second), "another pack"


def test_what_it_says_is_neither_object_nor_background_or_a_mistake(pack: Path) -> None:
    #          the other face    a cup taken for one   a tie for a plate
    boxes = [(440, 45, 530, 145), (20, 20, 60, 60), (300, 300, 340, 320)]
    labels, scores = [0, 0, 1], [0.8, 0.4, 0.5]
    np.savez(
        pack / FOUND,
        first=np.array([0, 3, 6]),
        boxes=np.array(boxes * 2, np.float32),
        labels=np.array(labels * 2),
        scores=np.array(scores * 2, np.float32),
    )
    faces, both = (Pack(pack)[i] for i in range(2))
    assert faces.labelled == both.labelled == (True, True), "what was looked at is known"
    for e in (faces, both):
        assert e.doubts[0].tolist() == [[440, 45, 530, 145]]
        assert [20, 20, 60, 60] in e.hard.tolist()
    assert both.doubts[1].tolist() == [[300, 300, 340, 320]], "many plates are left out where plates are labelled"
    assert [300, 300, 340, 320] in faces.hard.tolist()


def test_a_canvas_says_nothing_of_a_doubtful_place() -> None:
    image = np.full((400, 400, 3), 90, np.uint8)
    doubt = np.array([[100, 100, 200, 200]], np.float32)
    e = Example(image, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), "s", (True, True), (doubt, doubt[:0]))
    for seed in range(20):
        canvas, known = np.zeros((256, 256, 3), np.uint8), np.ones((2, 64, 64), bool)
        compose.place(canvas, known, e, (0, 0, 256, 256), np.random.default_rng(seed))
        assert known[1].all()
        assert not known[0].all() or seed, "the first canvas shows it"
        if not known[0].all():
            ys, xs = np.nonzero(~known[0])
            # A square in the picture, squeezed by at most exp(0.15) each way, or cut off at the cell's edge.
            assert 0 < (~known[0]).sum() == (np.ptp(ys) + 1) * (np.ptp(xs) + 1)
