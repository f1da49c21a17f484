"""A cut is told from pans, zooms, passers-by and changes of light, on generated pictures and on the demo's clip."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import Clip, write_clip

import redact
from redact.cuts import Change, compare, likeness, look
from redact.demo import frames
from redact.motion import small
from redact.video import begin, look_through, open_video

SIZE = (256, 144)  # as motion.small gives it for 16:9


def world(name: str) -> np.ndarray:
    """A scene larger than the picture, luma (288, 768): things of many sizes, each scene with its own."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    largest = int(rng.integers(20, 60))  # a crowd, or a few cars
    out = np.full((288, 768), 90.0, np.float32)
    out += np.linspace(60, -40, 288, dtype=np.float32)[:, None]  # a bright sky above, as in most pictures
    for _ in range(5000 // largest):
        middle = (int(rng.integers(0, 768)), int(rng.integers(0, 288)))
        half = (int(rng.integers(2, largest)), int(rng.integers(2, largest)))
        shade, turn = float(rng.integers(10, 245)), float(rng.uniform(0, 180))
        if rng.random() < 0.5:
            cv2.ellipse(out, middle, half, turn, 0, 360, shade, -1)
        else:
            corners = cv2.boxPoints((middle, (2 * half[0], 2 * half[1]), turn))
            cv2.fillPoly(out, [corners.astype(np.int32)], shade)
    return np.asarray(cv2.GaussianBlur(out, (0, 0), 1.0), np.float32)


def seen(
    scene: np.ndarray, x: float, y: float = 72, *, width: float = 256, roll: float = 0, blur: float = 0
) -> np.ndarray:
    """What a camera shows whose picture begins at ``x``, ``y``; ``blur``: px that it goes sideways meanwhile."""
    scale = SIZE[0] / width
    out = np.zeros(SIZE[::-1], np.float32)
    for t in np.linspace(-0.5, 0.5, 9):
        middle = x + SIZE[0] / 2 + blur * t, y + SIZE[1] / 2
        move = cv2.getRotationMatrix2D(middle, roll, scale)
        move[:, 2] += SIZE[0] / 2 - middle[0], SIZE[1] / 2 - middle[1]
        out += cv2.warpAffine(scene, move, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) / 9
    return out


def told(before: np.ndarray, after: np.ndarray) -> Change:
    a, b = (look(np.clip(p, 0, 255).astype(np.uint8)) for p in (before, after))
    change = compare(a, b)
    assert compare(b, a) is change, "a film that runs backwards has the same cuts"
    return change


def are_cuts(found: list[Change]) -> bool:
    """Whether none is taken for one scene, and most for cuts: these scenes are more alike than real ones."""
    return Change.NONE not in found and found.count(Change.CUT) > len(found) / 2


def differ(before: np.ndarray, after: np.ndarray) -> float:
    """How much two pictures differ in the same place, after their mean is taken away."""
    a, b = (cv2.resize(p, (32, 18), interpolation=cv2.INTER_AREA) for p in (before, after))
    return float(np.abs((a - a.mean()) - (b - b.mean())).mean())


SCENES = [f"scene {n}" for n in range(8)]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_pan_is_no_cut(share: float, direction: int) -> None:
    """By up to 0.4 of the picture from one look to the next, blurred by a third of the way."""
    step, start = share * 256, 256 + (0 if direction > 0 else share * 256)
    for name in SCENES:
        scene = world(name)
        a, b = (seen(scene, x, blur=step / 3) for x in (start, start + direction * step))
        assert told(a, b) is Change.NONE, name


def test_pans_differ_as_much_in_place_as_cuts_do() -> None:
    """Or the tests above would show nothing: by place alone no limit parts these pans from these cuts."""
    worlds = [world(n) for n in SCENES]
    pans = [differ(seen(w, 200), seen(w, 280)) for w in worlds]
    cuts = [differ(seen(a, 200), seen(b, 200)) for a, b in pairwise(worlds)]
    assert max(pans) > min(cuts)


def test_other_scenes_are_cuts() -> None:
    shown = [seen(world(n), 256) for n in SCENES]
    assert are_cuts([told(a, b) for i, a in enumerate(shown) for b in shown[i + 1 :]])


def test_another_part_of_the_same_scene_is_a_cut() -> None:
    """Nothing of the first picture is in the second: whether a camera turned so fast or was cut, nobody can see."""
    assert are_cuts([told(seen(world(n), 0), seen(world(n), 500)) for n in SCENES])


@pytest.mark.parametrize(
    ("width", "roll", "y"),
    [(232, 0, 72), (256, 5, 72), (256, 0, 100), (240, 3, 60)],
    ids=["zoom", "roll", "tilt", "all"],
)
def test_a_camera_in_motion_is_no_cut(width: float, roll: float, y: float) -> None:
    for name in SCENES:
        scene = world(name)
        assert told(seen(scene, 256), seen(scene, 262, y, width=width, roll=roll)) is Change.NONE, name


def _lamps(p: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    return p + sum(255 * np.exp(-((x - at) ** 2 + (y - 90) ** 2) / 800) for at in (90, 150))


LIGHT = {
    "half": lambda p: 0.5 * p,
    "a fifth": lambda p: 0.2 * p,
    "double": lambda p: 1.8 * p,
    "flash": lambda p: 1.2 * p + 90,
    "gamma": lambda p: 255 * (np.clip(p, 0, 255) / 255) ** 2.2,
    "lamps": _lamps,
    "from the side": lambda p: p * np.linspace(0.5, 1.4, SIZE[0]),
}


@pytest.mark.parametrize("light", LIGHT.values(), ids=LIGHT)
def test_light_is_no_cut(light: Callable[[np.ndarray], np.ndarray]) -> None:
    for name in SCENES:
        p = seen(world(name), 256)
        assert told(p, light(p)) is Change.NONE, name


def test_what_passes_through_is_no_cut() -> None:
    for name in SCENES:
        a = seen(world(name), 256)
        b = a.copy()
        b[10:, 60:160] = seen(world("a lorry"), 0)[10:, 60:160]
        assert told(a, b) is Change.NONE, name


def test_where_little_is_the_same_it_is_unclear() -> None:
    """An eighth of the picture may be what a very fast pan left, or be alike by chance: no motion is told there."""
    found = []
    for name in SCENES:
        a, b = seen(world(name), 256), seen(world(f"not {name}"), 256)
        b[:, :32] = a[:, :32]
        found.append(told(a, b))
    assert Change.NONE not in found
    assert found.count(Change.UNCLEAR) >= 4


def upright(scene: np.ndarray, x: int) -> np.ndarray:
    """What a telephone shows that is held upright."""
    return scene[16:272, x : x + 144]


def test_upright_pictures_are_told_apart_as_well() -> None:
    """Squeezed into the thumbnail of a wide picture, all look alike: a fifth of the cuts was missed."""
    shown = [upright(world(n), 300) for n in SCENES]
    assert are_cuts([told(a, b) for a, b in pairwise(shown)])
    for name, a in zip(SCENES, shown, strict=True):
        assert told(a, upright(world(name), 340)) is Change.NONE, name


def _boxed(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    out = np.full_like(picture, 16)
    inside = np.s_[rows : len(picture) - rows, columns : picture.shape[1] - columns]
    out[inside] = picture[inside]
    return out


@pytest.mark.parametrize(("rows", "columns"), [(18, 0), (0, 32), (10, 20)], ids=["above", "beside", "around"])
def test_black_bars_are_no_part_of_the_scene(rows: int, columns: int) -> None:
    """Their edges are in every picture, the strongest of all: no cut would be told."""
    found = []
    for name, other in pairwise(SCENES):
        a = _boxed(seen(world(name), 256), rows, columns)
        found.append(told(a, _boxed(seen(world(other), 256), rows, columns)))
        assert told(a, _boxed(seen(world(name), 296), rows, columns)) is Change.NONE, name
    assert are_cuts(found)


def test_pictures_of_other_shapes_tell_nothing() -> None:
    a = look(seen(world("scene 0"), 256).astype(np.uint8))
    b = look(seen(world("scene 0"), 256)[:, :144].astype(np.uint8))
    assert len(a) != len(b)
    assert compare(a, b) is Change.UNCLEAR


@pytest.mark.parametrize("value", [0, 16, 128, 255])
def test_what_shows_nothing_tells_nothing(value: int) -> None:
    noise = np.random.default_rng(1).normal(0, 3, SIZE[::-1])
    picture = np.clip(value + noise, 0, 255).astype(np.uint8)
    assert look(picture) == b""
    other = look(seen(world("scene 0"), 256).astype(np.uint8))
    assert other
    assert compare(other, b"") is compare(b"", other) is compare(b"", b"") is Change.UNCLEAR


def test_likeness_is_of_one_for_the_same_picture() -> None:
    a = look(seen(world("scene 1"), 256).astype(np.uint8))
    assert likeness(a, a) == pytest.approx(1, abs=0.05)


def test_the_demo_has_one_cut() -> None:
    """A pan of a street, a cut, and a walk past the camera that differs as much in place."""
    looks = [(n, small(p)) for n, p in enumerate(frames()) if n % 3 == 0]
    changes = [(n, compare(look(a), look(b))) for (_, a), (n, b) in pairwise(looks)]
    assert [n for n, c in changes if c is Change.CUT] == [75]
    assert [n for n, c in changes if c is Change.UNCLEAR] == []


class _Here:
    """Works in this process, one job after another."""

    def map(self, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        return (function(*job) for job in jobs)


@pytest.mark.parametrize(("after", "cuts"), [("scene 2", 0), ("scene 3", 1)], ids=["back to the scene", "to another"])
def test_a_look_at_black_is_passed_over(after: str, cuts: int, tmp_path: Path) -> None:
    """What comes after it is compared with what was there before it, in the same segment and in the next."""

    def picture(clip: Clip, i: int) -> np.ndarray:
        p = np.zeros(SIZE[::-1]) if 12 <= i < 24 else seen(world("scene 2" if i < 12 else after), 256)
        return np.repeat(np.clip(p, 0, 255).astype(np.uint8)[..., None], 3, axis=2)

    film = write_clip(tmp_path / "in.mp4", Clip(frames=36, width=SIZE[0], height=SIZE[1]), picture)
    policy = redact.policy_of("export-batch")
    looks = look_through(begin(open_video(film, policy), policy, _Here(), tmp_path)).frames
    assert len(looks) > 9
    assert [f.index >= 12 for f in looks if f.scene_cut] == cuts * [True]
    assert all(f.motion is None for f in looks if 12 <= f.index <= 24)


def test_no_motion_is_told_across_a_cut(tmp_path: Path) -> None:
    def picture(clip: Clip, i: int) -> np.ndarray:
        p = seen(world("scene 2" if i < 16 else "scene 3"), 256 + 4 * i)
        return np.repeat(np.clip(p, 0, 255).astype(np.uint8)[..., None], 3, axis=2)

    film = write_clip(tmp_path / "in.mp4", Clip(frames=36, width=SIZE[0], height=SIZE[1]), picture)
    policy = redact.policy_of("export-batch")
    first, *rest = look_through(begin(open_video(film, policy), policy, _Here(), tmp_path)).frames
    assert first.motion is None
    assert [f.scene_cut for f in rest].count(True) == 1
    assert all((f.motion is None) is f.scene_cut for f in rest)
