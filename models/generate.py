"""Draws a bank of plates, vehicles and signs, and cuts people out of a packed image set.

python models/generate.py --pack work/packs/real --out work/packs/plates --count 4000 --seed 0

The same seed, pack, fonts and library versions give the same bank. ``--sheet FILE.png`` also draws a
contact sheet of what was made, for a look by eye. Without ``--pack`` there are no people in the bank.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

import fonts
from bank import KINDS, Bank, Sprite, write_bank
from cars import CARS, draw_car
from pack import Pack
from people import cut_people
from plates import PLATES, draw_plate
from signs import SIGNS, draw_sign

# For each plate drawn: how many vehicles, signs and people at most.
CARS_SHARE, SIGNS_SHARE, PEOPLE_SHARE = 0.2, 0.4, 0.5


def turns(shares: Mapping[str, float], count: int, rng: np.random.Generator) -> list[str]:
    """``count`` names by their shares in random order; each name at least once where there is room."""
    names = list(shares)
    p = np.array(list(shares.values()))
    drawn = names + [names[int(i)] for i in rng.choice(len(names), size=max(0, count - len(names)), p=p / p.sum())]
    return drawn[:count]


def sprites(count: int, seed: int, pack: Pack | None) -> Iterator[Sprite]:
    """All sprites of a bank. Each is drawn from a seed of its own, (seed, kind, index)."""
    plates = {n: share for n, (_f, share) in PLATES.items()}
    cars = {n: share for n, (_f, share) in CARS.items()}
    jobs = (
        (draw_plate, plates, count),
        (draw_car, cars, round(CARS_SHARE * count)),
        (draw_sign, SIGNS, round(SIGNS_SHARE * count)),
    )
    for kind, (draw, shares, n) in enumerate(jobs):
        for i, name in enumerate(turns(shares, n, np.random.default_rng([seed, kind]))):
            yield draw(name, np.random.default_rng([seed, kind, i]))
    if pack:
        yield from cut_people(pack, round(PEOPLE_SHARE * count), seed)


def sheet(bank: Bank, each: int, seed: int) -> np.ndarray:
    """A contact sheet of ``each`` random sprites of every kind, RGB uint8."""
    rng = np.random.default_rng(seed)
    columns, cw, ch = 10, 184, 132
    rows = []
    for kind in KINDS:
        if not bank.has(kind):
            continue
        tiles = np.full((-(-each // columns) * ch, columns * cw, 3), 110, np.uint8)
        for i in range(each):
            s = bank.pick(kind, rng)
            k = min((cw - 6) / s.image.shape[1], (ch - 6) / s.image.shape[0])
            small = cv2.resize(s.image, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
            y, x = i // columns * ch, i % columns * cw
            part = tiles[y : y + small.shape[0], x : x + small.shape[1]]
            a = small[..., 3:].astype(np.float32) / 255
            part[:] = (part * (1 - a) + small[..., :3] * a).astype(np.uint8)
        rows.append(tiles)
    return np.concatenate(rows)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--pack", type=Path, help="a packed image set to cut people out of")
    p.add_argument("--count", type=int, default=4000, help="how many plates; the other kinds follow")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--sheet", type=Path, help="also write a contact sheet to this PNG")
    a = p.parse_args()
    try:
        n = write_bank(a.out, sprites(a.count, a.seed, Pack(a.pack) if a.pack else None))
    except fonts.NoFontError as e:
        p.exit(2, f"{e}\n")
    bank = Bank(a.out)
    kinds = ", ".join(f"{len(bank.of_kind[k])} {k}" for k in KINDS)
    print(f"{n} sprites in {a.out}: {kinds}")
    if a.sheet:
        cv2.imwrite(str(a.sheet), sheet(bank, 60, a.seed)[..., ::-1])


if __name__ == "__main__":
    main()
