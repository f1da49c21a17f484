"""All kinds of license plates, drawn flat and face on at one pixel a millimetre, then worn, lit and framed."""

from __future__ import annotations

from bank import Sprite
from board import Rng
from plates_china import CHINA
from plates_world import WORLD
from road import finish, mount

# name: (drawing function, share). Chinese plates are half of all: the labelled images have none of them.
PLATES = CHINA | WORLD


def draw_plate(name: str, rng: Rng) -> Sprite:
    """Draws one plate of kind ``name`` as it hangs on a vehicle."""
    picture, alpha = finish(PLATES[name][0](rng), rng)
    image, quad = mount(picture, alpha, rng)
    return Sprite(image, quad, "plate", name)
