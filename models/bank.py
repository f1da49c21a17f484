"""A bank of sprites: pictures with transparency, drawn or cut out once, pasted into training canvases.

Drawing a plate takes longer than composing a whole canvas, so it is done ahead. ``sprites.u8`` holds
the sprites one after another (RGBA, uint8, row-major) and is memory-mapped; ``index.npz`` holds, for
sprite ``i``, its first byte ``offset[i]``, ``shape[i]`` (height, width in pixels), ``quad[i]`` and
``kind[i]`` / ``name[i]`` as indices into ``kinds`` / ``names``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

KINDS = ("plate", "car", "sign", "person")


@dataclass(frozen=True)
class Sprite:
    """One picture to paste.

    ``image``: HxWx4 RGBA uint8.
    ``quad``: 4x2 float32, pixels, clockwise from the top left. What stands there depends on ``kind``:
    the plate itself within its frame (plate), the place where the plate is screwed on (car), the
    whole sign (sign), the face box (person).
    ``name``: which plate, sign, ... it is, such as ``cn-blue``.
    """

    image: np.ndarray
    quad: np.ndarray
    kind: str
    name: str


def corners(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    """The corners of a box, 4x2 float32, clockwise from the top left."""
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


class Bank:
    """Read access to a written bank; images are views into a memory map and must be copied to change."""

    def __init__(self, folder: Path) -> None:
        index = np.load(folder / "index.npz")
        self.offset, self.shape, self.quad = index["offset"], index["shape"], index["quad"]
        self.kinds, self.names = [str(k) for k in index["kinds"]], [str(n) for n in index["names"]]
        self.kind, self.name = index["kind"], index["name"]
        self.of_kind = {k: np.flatnonzero(self.kind == i) for i, k in enumerate(self.kinds)}
        self.pixels = np.memmap(folder / "sprites.u8", dtype=np.uint8, mode="r")

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, i: int) -> Sprite:
        h, w = (int(v) for v in self.shape[i])
        start = int(self.offset[i])
        return Sprite(
            image=self.pixels[start : start + h * w * 4].reshape(h, w, 4),
            quad=self.quad[i],
            kind=self.kinds[self.kind[i]],
            name=self.names[self.name[i]],
        )

    def has(self, kind: str) -> bool:
        return len(self.of_kind.get(kind, ())) > 0

    def pick(self, kind: str, rng: np.random.Generator) -> Sprite:
        """Returns a random sprite of ``kind``; the bank must have one."""
        ids = self.of_kind[kind]
        return self[int(ids[rng.integers(len(ids))])]


def write_bank(folder: Path, sprites: Iterable[Sprite]) -> int:
    """Writes a bank into ``folder`` and returns how many sprites it holds.

    The index is written last, so a folder with an index is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.npz").unlink(missing_ok=True)
    offset, shape, quad, kind, name = [], [], [], [], []
    names: list[str] = []
    position = 0
    with (folder / "sprites.u8").open("wb") as out:
        for s in sprites:
            out.write(np.ascontiguousarray(s.image).tobytes())
            offset.append(position)
            position += s.image.size
            shape.append(s.image.shape[:2])
            quad.append(s.quad)
            kind.append(KINDS.index(s.kind))
            if s.name not in names:
                names.append(s.name)
            name.append(names.index(s.name))
    np.savez(
        folder / "index.npz",
        offset=np.array(offset, np.int64),
        shape=np.array(shape, np.int32),
        quad=np.array(quad, np.float32).reshape(-1, 4, 2),
        kind=np.array(kind, np.int32),
        name=np.array(name, np.int32),
        kinds=np.array(KINDS),
        names=np.array(names),
    )
    return len(offset)
