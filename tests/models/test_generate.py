"""The drawn plates, vehicles and signs, and the training canvases made with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pixels import extent

import compose
import fonts
import generate
import overlay
import people
import plates
from bank import Bank, Sprite, corners, write_bank
from pack import Example, Pack, write_pack
from scene import MOST_YAW, Scene, angles, around, label_of, lay, narrowed, pose, settle
from signs import SIGNS, draw_sign

MODELS = Path(__file__).parents[2] / "models"

SIZE = 208
WITHOUT_CJK = {"euro", "british", "american", "brazilian", "indian", "vietnamese", "arabic", "russian", "australian"}
# Width over height of each kind, from the sizes in mm; several where a kind has one-row and two-row plates.
ASPECTS = {
    "cn-blue": {440 / 140},
    "cn-energy-small": {480 / 140},
    "cn-energy-large": {480 / 140},
    "cn-yellow": {440 / 140},
    "cn-yellow-double": {440 / 220},
    "cn-learner": {440 / 140},
    "cn-police": {440 / 140},
    "cn-army": {440 / 140},
    "cn-black": {440 / 140},
    "cn-embassy": {440 / 140},
    "cn-motorcycle": {220 / 140},
    "euro": {520 / 110, 280 / 200},
    "british": {520 / 111, 285 / 203},
    "american": {305 / 152, 178 / 102},
    "brazilian": {400 / 130},
    "indian": {500 / 120, 340 / 200},
    "vietnamese": {520 / 110, 330 / 165, 190 / 140},
    "japanese": {330 / 165},
    "arabic": {520 / 110, 310 / 155},
    "korean": {520 / 110, 335 / 155},
    "russian": {520 / 112},
    "australian": {372 / 134},
    "plain-asian": {520 / 110, 380 / 160, 440 / 120, 340 / 150},
}


def has_cjk() -> bool:
    try:
        return bool(fonts.group("chinese") and fonts.group("japanese") and fonts.group("korean"))
    except fonts.NoFontError:
        return False


cjk = pytest.mark.skipif(not has_cjk(), reason=fonts.INSTALL)
KINDS = [pytest.param(n, marks=() if n in WITHOUT_CJK else cjk) for n in plates.PLATES]


def scene(value: int = 90, boxes: list[np.ndarray] | None = None, labels: list[int] | None = None) -> Scene:
    known = np.zeros((2, SIZE // 4, SIZE // 4), bool)
    return Scene(np.full((SIZE, SIZE, 3), value, np.uint8), known, boxes or [], labels or [])


@pytest.mark.parametrize("name", KINDS)
def test_a_plate_has_its_proportions_and_something_written_on_it(name: str) -> None:
    seen = set()
    for seed in range(4):
        s = plates.draw_plate(name, np.random.default_rng(seed))
        w, h = s.quad[2] - s.quad[0]
        assert min(abs(w / h / a - 1) for a in ASPECTS[name]) < 0.02, (w, h)
        (x1, y1), (x2, y2) = s.quad[0].astype(int), s.quad[2].astype(int)
        assert 0 <= x1 < x2 <= s.image.shape[1]
        assert 0 <= y1 < y2 <= s.image.shape[0]
        assert s.image[y1:y2, x1:x2, 1].std() > 12  # ink on ground
        seen.add(s.image.tobytes())
    assert len(seen) == 4


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_draws_the_same_plate(name: str) -> None:
    one, two = (plates.draw_plate(name, np.random.default_rng([5, 7])) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.quad, two.quad)


@pytest.mark.parametrize("name", [n for n in SIGNS if n not in ("disc", "caption") or has_cjk()])
def test_a_sign_is_drawn_and_is_the_same_for_the_same_seed(name: str) -> None:
    if not has_cjk() and name not in ("clock", "ball", "lamp", "wheel", "grid"):
        pytest.skip(fonts.INSTALL)
    one, two = (draw_sign(name, np.random.default_rng([5, 7])) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert one.image[..., 3].max() > 200


@pytest.mark.parametrize("yaw", [-60, -25, 0, 40])
@pytest.mark.parametrize("roll", [-12, 5])
def test_the_label_is_the_tight_box_of_the_warped_plate(yaw: float, roll: float) -> None:
    white = np.full((70, 224, 4), 255, np.uint8)
    sprite = Sprite(white, corners(0, 0, 224, 70), "plate", "white")
    for width in (20, 45, 120):
        s = scene(0)
        quad = pose(224 / 70, yaw, 15, roll, 5) * width + np.array([101.3, 98.7])
        assert lay(s, sprite.image, quad, np.ones(3))
        s.add(label_of(quad, SIZE), 1)
        painted = extent(s.image[..., 0] > 127)
        assert np.abs(painted - s.boxes[0]).max() <= 1.6, (painted, s.boxes[0])
        assert around(quad)[2] - around(quad)[0] == pytest.approx(width, abs=0.1)
        drawn = extent(s.image[..., 0] > 0)  # with its anti-aliased rim
        assert (drawn[:2] >= s.boxes[0][:2] - 1.5).all()
        assert (drawn[2:] <= s.boxes[0][2:] + 1.5).all()


def test_an_object_covered_more_than_half_loses_its_label_and_its_rest_is_neither() -> None:
    quarter, most, free = (np.array(b, np.float32) for b in ((10, 10, 50, 50), (60, 10, 100, 50), (150, 150, 180, 180)))
    s = scene(boxes=[quarter, most, free], labels=[0, 0, 1])
    s.known[:] = True
    cover = np.full((30, 30, 4), 255, np.uint8)
    lay(s, cover, corners(10, 40, 50, 50), np.ones(3))
    lay(s, cover, corners(60, 20, 100, 50), np.ones(3))
    boxes, labels = settle(s)
    assert boxes.tolist() == [quarter.tolist(), free.tolist()]
    assert labels.tolist() == [0, 1]
    assert not s.known[0, 12 // 4, 80 // 4]
    assert s.known[1].all()


def test_a_replaced_plate_hangs_where_the_real_one_hung() -> None:
    rng = np.random.default_rng(3)
    sprite = plates.draw_plate("russian", rng)

    class One(Bank):
        def __init__(self) -> None:
            pass

        def pick(self, kind: str, rng: np.random.Generator) -> Sprite:
            assert kind == "plate"
            return sprite

    for _ in range(20):
        box = np.array([60, 90, 120, 105], np.float32)
        s = scene(90, [box.copy()], [1])
        s.image[90:105, 60:120] = 255
        overlay.replace_plate(s, 0, One(), rng)
        new = s.boxes[0]
        assert s.turn == [1]
        assert np.abs((new[:2] + new[2:]) / 2 - (90, 97.5)).max() < 6
        assert 0.6 < (new[2] - new[0]) / 60 < 1.2
        outside = np.ones((SIZE, SIZE), bool)
        outside[int(new[1]) - 12 : int(new[3]) + 12, int(new[0]) - 12 : int(new[2]) + 12] = False
        assert (s.image[outside] == 90).all()  # nothing of the old one is left beside it


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Two textured pictures: one with a drawn face and a plate, fully labelled, one that says nothing about plates."""
    folder = tmp_path_factory.mktemp("pack")
    rng = np.random.default_rng(0)

    def texture() -> np.ndarray:
        return (rng.integers(60, 160, (300, 400, 3)) * np.array([1.0, 0.9, 0.8])).astype(np.uint8)

    one = texture()
    y, x = np.mgrid[0:300, 0:400]
    one[((x - 200) / 60) ** 2 + ((y - 130) / 80) ** 2 < 1] = (60, 40, 30)  # hair
    one[((x - 200) / 40) ** 2 + ((y - 140) / 50) ** 2 < 1] = (210, 160, 130)
    one[(np.abs(x - 200) < 100) & (y > 205)] = (30, 40, 120)
    one[250:270, 20:90] = 240
    boxes = np.array([[160, 90, 240, 190], [20, 250, 90, 270]], np.float32)
    empty = Example(texture(), np.zeros((0, 4), np.float32), np.zeros(0, np.int64), "b", (True, False))
    write_pack(folder, [Example(one, boxes, np.array([0, 1]), "a"), empty])
    return Pack(folder)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, pack: Pack) -> Bank:
    if not has_cjk():
        pytest.skip(fonts.INSTALL)
    folder = tmp_path_factory.mktemp("bank")
    write_bank(folder, generate.sprites(60, 0, pack))
    return Bank(folder)


def test_a_bank_gives_back_what_was_written(bank: Bank, pack: Pack) -> None:
    drawn = list(generate.sprites(60, 0, pack))
    assert len(bank) == len(drawn)
    assert {s.kind for s in drawn} == {"plate", "car", "sign", "person"}
    assert {s.name for s in drawn if s.kind == "plate"} == set(plates.PLATES)
    assert {s.name for s in drawn if s.kind == "sign"} == set(SIGNS)
    for i, s in enumerate(drawn):
        assert np.array_equal(bank[i].image, s.image)
        assert np.array_equal(bank[i].quad, s.quad)
        assert (bank[i].kind, bank[i].name) == (s.kind, s.name)


def test_a_person_is_cut_out_with_the_face_opaque_and_the_corners_clear(pack: Pack) -> None:
    (s,) = people.cut_people(pack, 10, 0)
    (x1, y1), (x2, y2) = s.quad[0], s.quad[2]
    assert y2 - y1 == pytest.approx(people.FACE, abs=0.5)
    alpha = s.image[..., 3]
    assert alpha[round((y1 + y2) / 2), round((x1 + x2) / 2)] > 250
    assert max(alpha[0, 0], alpha[0, -1], alpha[-1, 0], alpha[-1, -1]) == 0


def test_canvases_have_valid_labels_and_the_same_seed_gives_the_same_canvas(pack: Pack, bank: Bank) -> None:
    weights = np.ones(1)
    count = np.zeros(2, int)
    for seed in range(40):
        c = compose.compose([pack], weights, SIZE, np.random.default_rng(seed), bank)
        assert c.image.shape == (SIZE, SIZE, 3)
        assert c.image.dtype == np.uint8
        assert c.known.shape == (2, SIZE // 4, SIZE // 4)
        assert len(c.boxes) == len(c.labels)
        assert set(c.labels.tolist()) <= {0, 1}
        assert (c.boxes[:, :2] >= 0).all()
        assert (c.boxes[:, 2:] <= SIZE).all()
        assert ((c.boxes[:, 2:] - c.boxes[:, :2]) > 2).all()
        count += np.bincount(c.labels, minlength=2)
        if seed < 5:
            again = compose.compose([pack], weights, SIZE, np.random.default_rng(seed), bank)
            assert np.array_equal(c.image, again.image)
            assert np.array_equal(c.boxes, again.boxes)
    assert (count > 40).all(), count


def test_things_pasted_on_an_empty_scene_are_labelled_where_they_are(bank: Bank) -> None:
    rng = np.random.default_rng(1)
    found = known = 0
    for _ in range(30):
        s = scene(90)
        overlay.vehicle(s, bank, rng)
        overlay.crowd(s, bank, rng)
        changed = (s.image != 90).any(2)
        boxes, _labels = settle(s)
        for x1, y1, x2, y2 in boxes.astype(int):
            assert changed[y1:y2, x1:x2].mean() > 0.5
            known += int(s.known[:, (y1 + y2) // 8, (x1 + x2) // 8].all())
            found += 1
    assert found > 60
    # Nothing was known before; what was pasted is, but for the rims of people who hide each other.
    assert known > 0.8 * found, (known, found)


def test_nothing_is_pasted_onto_a_labelled_face(bank: Bank) -> None:
    face = np.array([80, 80, 130, 140], np.float32)
    rng = np.random.default_rng(2)
    for _ in range(60):
        s = scene(90, [face], [0])
        overlay.sign(s, bank, rng)
        overlay.vehicle(s, bank, rng)
        overlay.few_people(s, bank, rng)
        assert (s.over[80:140, 80:130] > 0).mean() < 0.5


def test_a_missing_font_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", dict)
    fonts.group.cache_clear()
    with pytest.raises(fonts.NoFontError, match="fonts-noto-cjk"):
        fonts.group("chinese")
    fonts.group.cache_clear()


@cjk
def test_the_script_makes_a_bank_and_a_contact_sheet(tmp_path: Path) -> None:
    args = ["--out", str(tmp_path / "bank"), "--count", "25", "--seed", "1", "--sheet", str(tmp_path / "sheet.png")]
    done = subprocess.run([sys.executable, str(MODELS / "generate.py"), *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "25 plate, 5 car, 10 sign, 0 person" in done.stdout
    assert len(Bank(tmp_path / "bank")) == 40
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_some_plates_are_seen_nearly_edge_on() -> None:
    rng = np.random.default_rng(0)
    yaws = np.abs([angles(rng)[0] for _ in range(2000)])
    assert yaws.max() <= MOST_YAW
    assert 0.05 < (yaws > 60).mean() < 0.2
    assert np.median(yaws) < 25, "most are seen from ahead"
    assert narrowed(100, 30) == 100
    assert 40 < narrowed(100, MOST_YAW) < 43
