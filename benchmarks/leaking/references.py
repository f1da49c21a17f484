"""What is known of a clip: faces and plates that are there, and places that a tool is right to obscure.

Faces: ``*.faces.json`` ("agreed" is judged), plates: ``*.plates.json``, others: MOTChallenge CSV (frame from
1, id, x, y, width, height, 1, class: 1 face, 2 plate).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from redact.findings import Kind
from redact.geometry import Box

NEED = 0.5  # around a box, as a share of its size, on each side: padding that a tool may take


@dataclass(frozen=True)
class Mark:
    """A face or plate that is there: in frame ``frame`` (from 0) at ``box``, in pixels of the source."""

    frame: int
    kind: Kind
    box: Box


@dataclass
class Reference:
    """``marks`` are judged; ``needed`` are places, by frame, that a tool is right or excused to obscure.

    ``looked``: the frames that were looked at, by kind.
    """

    marks: list[Mark] = field(default_factory=list)
    needed: dict[int, list[Box]] = field(default_factory=dict)
    looked: dict[Kind, set[int]] = field(default_factory=dict)

    def at(self, frame: int) -> list[Mark]:
        return [m for m in self.marks if m.frame == frame]

    @property
    def complete(self) -> set[int]:
        """Frames that were looked at for every kind."""
        return set.intersection(*self.looked.values()) if self.looked else set()


def _grown(b: Box) -> Box:
    dx, dy = NEED * b.width, NEED * b.height
    return Box(b.x1 - dx, b.y1 - dy, b.x2 + dx, b.y2 + dy)


def read_reference(files: Iterable[Path]) -> Reference:
    """Reads reference boxes of one video. Raises ValueError for a file of another form."""
    out = Reference()
    for file in files:
        if file.suffix == ".csv":
            _read_mot(file, out)
            continue
        data = json.loads(file.read_text())
        if "agreed" in data:
            _read_faces(data, out)
        elif "frames" in data:
            _read_plates(data, out)
        else:
            raise ValueError(f"{str(file)!r}: no reference that is known")
    return out


def _add(out: Reference, frame: int, kind: Kind, edges: Sequence[float]) -> None:
    box = Box(*edges[:4])
    out.marks.append(Mark(frame, kind, box))
    out.needed.setdefault(frame, []).append(_grown(box))


def _read_faces(data: dict[str, dict[str, list[list[float]]]], out: Reference) -> None:
    out.looked[Kind.FACE] = {int(k) for k in data["frames"]}
    for k, boxes in data["agreed"].items():
        for edges in boxes:
            _add(out, int(k), Kind.FACE, edges)
    for k, boxes in data["frames"].items():  # what one teacher alone took for a face
        out.needed.setdefault(int(k), []).extend(_grown(Box(*edges[:4])) for edges in boxes)


def _read_plates(data: dict[str, dict[str, dict[str, list[list[float]]]]], out: Reference) -> None:
    out.looked[Kind.PLATE] = {int(k) for k in data["frames"]}
    for k, here in data["frames"].items():
        for edges in here["plates"]:
            _add(out, int(k), Kind.PLATE, edges)
        out.needed.setdefault(int(k), []).extend(Box(*edges[:4]) for edges in here.get("ignore", []))


def _read_mot(file: Path, out: Reference) -> None:
    kinds = {1: Kind.FACE, 2: Kind.PLATE}
    with file.open(newline="") as f:
        for row in csv.reader(f):
            kind = kinds.get(int(float(row[7])))
            if kind is not None:
                frame, x, y, w, h = int(row[0]) - 1, *map(float, row[2:6])
                _add(out, frame, kind, (x, y, x + w, y + h))
                out.looked.setdefault(kind, set()).add(frame)
