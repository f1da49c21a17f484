"""Damages a file in one to three ways, by its seed and number alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEAD = 4096  # bytes at either end of a file that count as its header: where indexes and parameters lie
Edit = Callable[[bytearray, random.Random], None]


def _place(data: bytearray, rng: random.Random) -> int:
    """Somewhere in a file; half of the time in its first or last ``HEAD`` bytes."""
    n = len(data)
    spots = (rng.randrange(n), rng.randrange(n), rng.randrange(min(n, HEAD)), max(0, n - 1 - rng.randrange(HEAD)))
    return rng.choice(spots)


def _run(data: bytearray, rng: random.Random) -> slice:
    """A run of 1 byte to some kilobytes; short ones as likely as long ones."""
    at = _place(data, rng)
    return slice(at, min(len(data), at + int(2 ** rng.uniform(0, 13))))


def flip_bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: random.Random) -> None:
    """A run of zeros, of ones, or of noise, as a bad sector reads."""
    s = _run(data, rng)
    n = s.stop - s.start
    data[s] = rng.choice((bytes(n), b"\xff" * n, rng.randbytes(n)))


def cut(data: bytearray, rng: random.Random) -> None:
    """The end, or now and then the beginning, is missing."""
    at = _place(data, rng)
    if rng.random() < 0.2:
        del data[:at]
    else:
        del data[at + 1 :]


def drop(data: bytearray, rng: random.Random) -> None:
    del data[_run(data, rng)]


def duplicate(data: bytearray, rng: random.Random) -> None:
    s = _run(data, rng)
    at = s.stop if rng.random() < 0.5 else _place(data, rng)
    data[at:at] = data[s]


def swap(data: bytearray, rng: random.Random) -> None:
    a, b = _run(data, rng), _run(data, rng)
    n = min(a.stop - a.start, b.stop - b.start)
    a, b = slice(a.start, a.start + n), slice(b.start, b.start + n)
    data[a], data[b] = data[b], data[a]


def insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(int(2 ** rng.uniform(0, 12)))


def edit_number(data: bytearray, rng: random.Random) -> None:
    """A number in a header becomes an extreme one, or is off by a little."""
    size = rng.choice((1, 2, 4, 8))
    order = rng.choice(("big", "little"))
    at = min(_place(data, rng), max(0, len(data) - size))
    old = int.from_bytes(data[at : at + size], order)
    top = 1 << 8 * size
    new = rng.choice((0, 1, top - 1, top // 2, top // 2 - 1, old + 1, old - 1, old * 2, old // 2, rng.randrange(top)))
    data[at : at + size] = (new % top).to_bytes(size, order)


def edit_box(data: bytearray, rng: random.Random) -> None:
    """A field of an MP4 box, or what follows another four-letter tag."""
    tags = (b"moov", b"mvhd", b"tkhd", b"edts", b"elst", b"mdhd", b"hdlr", b"stsd", b"avc1", b"avcC", b"hvcC", b"stts")
    tags += (b"ctts", b"stsc", b"stsz", b"stco", b"stss", b"mdat", b"RIFF", b"LIST", b"avih", b"strh", b"strf", b"idx1")
    tags += (b"matroska", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b")
    here = [at for t in tags if (at := data.find(t)) >= 0]
    if not here:
        return edit_number(data, rng)
    at = rng.choice(here) + rng.choice((-4, *range(0, 40)))
    size = rng.choice((1, 2, 4))
    at = max(0, min(at, len(data) - size))
    top = 1 << 8 * size
    new = rng.choice((0, 1, 2, top - 1, top // 2, rng.randrange(top)))
    data[at : at + size] = new.to_bytes(size, "big")
    return None


EDITS: tuple[Edit, ...] = (flip_bits, overwrite, cut, drop, duplicate, swap, insert, edit_number, edit_box)


@dataclass(frozen=True)
class Mutation:
    """One damaged file and how it is to be redacted."""

    number: int
    kind: str
    edits: tuple[str, ...]
    data: bytes
    on_damage: str
    """What the recipe says of damage: ``refuse`` or ``black``."""
    audio: str

    @property
    def suffix(self) -> str:
        return Path(self.kind).suffix


def mutate(files: dict[str, Path], seed: int, number: int) -> Mutation:
    """The mutation of this number: depends on nothing but the arguments."""
    rng = random.Random(f"{seed}/{number}")
    kind = list(files)[number % len(files)]
    data = bytearray(files[kind].read_bytes())
    edits = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            edit = rng.choice(EDITS)
            edit(data, rng)
            edits.append(edit.__name__)
    return Mutation(
        number, kind, tuple(edits), bytes(data), rng.choice(("refuse", "black")), rng.choice(("drop", "keep"))
    )
