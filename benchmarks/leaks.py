"""What stays clear in a released video, and what was obscured without need, by comparing it with its source.

    python benchmarks/leaks.py                      # redact on the real clips; --peers: deface beside it
    python benchmarks/leaks.py --source in.mp4 --reference faces.json --released redact=out.mp4 --released other=o.mp4

The tool's own plan is not asked: nothing but pixels counts. A face or plate of the reference is
clear in a release where its detail is still there. Detail is what is finer than about 2.2 cycles to the
box's shorter side (luma minus its own Gaussian mean, sigma a twelfth of that side): a grid of six averages
across a padded region ends there, and what tells one face from another, or one letter from another,
lies beyond. ``likeness`` is the correlation of the source's and the release's detail inside the box (for
faces inside its ellipse). Where a share f of the detail's energy is shown as it was and the rest is
gone, it is the root of f. So CLEAR = 0.5 says: a quarter of the detail, or more, is still there. A mask's
edge adds detail of its own, so the four halves of the box are looked at by themselves, too: a face of which
one half is clear (CLEAR_HALF = 0.6: there are fewer pixels to tell by) is clear. On the real clips a
plain transcode has 0.82 at the least (half: 0.86), at CRF 30 still 0.53 (half: 0.62), and what redact or
deface covered has 0.34 at the most (half: 0.57).

A plain transcode stands in each table as a control.

A clear run is counted on one face or plate as long as its boxes overlap from look to look: where the
references look at every fifth frame only and things move fast, it is longer than that.

Frames are compared by time: with each frame of the source, the one that a player shows in its middle.
A release of another size is scaled to the source's.

The picture counts as obscured without need in blocks of 16 x 16 pixels: their detail is gone though it
outlives a plain transcode, or their mean has changed by more than coding explains, and they lie further
than half its size from every box of the references (for faces: of either teacher) in that frame. What the
references lack counts as no need; it does so for all tools alike.

Faces: ``*.faces.json`` ("agreed" is judged), plates: ``*.plates.json``, others: MOTChallenge CSV (frame from
1, id, x, y, width, height, 1, class: 1 face, 2 plate).
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from machine import DEFACE, ROOT, deface_program, machine, real_clips, transcode
from numpy.typing import NDArray

from redact.findings import Kind
from redact.geometry import Box
from redact.media.frames import luma

CLEAR = 0.5
CLEAR_HALF = 0.6
MIN_DETAIL = 1.0  # root mean square, 8-bit steps: below it there is nothing that coding would keep
BINS = ((12, 20), (20, 40), (40, 10**6))  # px of width: see "Faces and plates that count" in docs/
BLOCK = 16  # px
GONE = 0.25  # likeness below which a block's detail counts as gone: what is covered has about none
BLOCK_DETAIL = 3.0  # root mean square, 8-bit steps: a block with less cannot lose it visibly
MEAN_CHANGE = 12.0  # 8-bit steps: coding changes the mean of a block by 2 or 3 at the most
NEED = 0.5  # around a box, as a share of its size, on each side: padding that a tool may take
LINKED = 0.3  # IoU from which boxes of two looks are one object
CLIPS = (
    "01_street_crowd_faces_1080p",
    "14_intel_two_people_walking_faces_480x270",
    "04_uk_plate_720p",
    "07_egoblur_carpark_plates_2560x1920",
)

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]


# --- References ------------------------------------------------------------------------------------


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


# --- Films -----------------------------------------------------------------------------------------


def frames(file: Path, shift: float = 0.0) -> Iterator[tuple[float, Luma]]:
    """(seconds plus ``shift``, luma) of every frame, in order."""
    with av.open(f"file:{file}") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for image in container.decode(stream):
            assert image.time is not None, f"{file}: a frame without a time"
            yield image.time + shift, luma(image)


class Shown:
    """What a player shows of a film at rising times; holds two frames at once."""

    def __init__(self, film: Iterator[tuple[float, Luma]]) -> None:
        self._film = film
        self._now: Luma | None = None
        self._next = next(film, None)

    def at(self, seconds: float) -> Luma:
        """The frame that is shown at this time; the first one before it begins, the last one after it ended."""
        while self._next is not None and (self._now is None or self._next[0] <= seconds):
            self._now = self._next[1]
            self._next = next(self._film, None)
        assert self._now is not None, "a film without frames"
        return self._now


def _thumbnails(file: Path) -> list[tuple[float, Luma]]:
    size = (64, 36)
    return [(t, np.asarray(cv2.resize(y, size, interpolation=cv2.INTER_AREA), np.uint8)) for t, y in frames(file)]


def aligned(source: list[tuple[float, Luma]], file: Path) -> float:
    """Seconds to add to a release's times so that it runs with its source.

    Some tools keep times, some let them begin at zero: what looks more like the source is right.
    ``source``: its thumbnails.
    """
    film = _thumbnails(file)

    def unlike(shift: float) -> float:
        shown = Shown((t + shift, y) for t, y in film)
        return float(np.mean([np.abs(y.astype(int) - shown.at(t)).mean() for t, y in source]))

    return min((0.0, source[0][0] - film[0][0]), key=unlike)


# --- Measures --------------------------------------------------------------------------------------


def _detail(y: NDArray[np.generic], sigma: float) -> Floats:
    f = y.astype(np.float32)
    return np.asarray(f - cv2.GaussianBlur(f, (0, 0), sigma), np.float32)


def likeness(source: Luma, release: Luma, kind: Kind, box: Box) -> tuple[float, float] | None:
    """Correlations, -1..1, of source's and release's detail: inside a box, and inside the half of it most alike.

    Halves are upper, lower, left and right. None where the source has no detail to lose; a release
    without any has likeness 0.
    """
    h, w = source.shape
    sigma = max(min(box.width, box.height) / 12, 0.5)
    margin = 3 * sigma + 1
    x1, y1, x2, y2 = Box(box.x1 - margin, box.y1 - margin, box.x2 + margin, box.y2 + margin).clip(w, h).to_ints()
    yy, xx = np.mgrid[y1:y2, x1:x2] + 0.5
    (cx, cy), rx, ry = box.center, box.width / 2, box.height / 2
    u, v = (xx - cx) / rx, (yy - cy) / ry
    inside = u**2 + v**2 <= 1 if kind is Kind.FACE else (abs(u) <= 1) & (abs(v) <= 1)
    a, b = (_detail(p[y1:y2, x1:x2], sigma) for p in (source, release))
    whole = _correlation(a[inside], b[inside])
    if whole is None:
        return None
    halves = [_correlation(a[inside & half], b[inside & half]) for half in (v < 0, v > 0, u < 0, u > 0)]
    return whole, max(x for x in (whole, *halves) if x is not None)


def _correlation(a: Floats, b: Floats) -> float | None:
    if a.size < 16:
        return None
    a, b = a - a.mean(), b - b.mean()
    if np.sqrt((a**2).mean()) < MIN_DETAIL:
        return None
    power = float((b**2).mean())
    return float((a * b).mean() / np.sqrt((a**2).mean() * power)) if power > 1e-6 else 0.0


def _blocks(p: Floats) -> Floats:
    """Means of whole blocks."""
    h, w = (n // BLOCK * BLOCK for n in p.shape)
    return p[:h, :w].reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).mean((1, 3))


def obscured(source: Luma, release: Luma, plain: Luma) -> NDArray[np.bool_]:
    """Which blocks of a release are obscured. ``plain``: the same frame, plainly transcoded."""
    sigma = BLOCK / 12
    a, b, c = (_detail(p, sigma) for p in (source, release, plain))
    aa, bb, cc, ab, ac = (_blocks(p) for p in (a * a, b * b, c * c, a * b, a * c))
    told = (aa >= BLOCK_DETAIL**2) & (ac >= 0.8 * np.sqrt(aa * cc + 1e-6))
    lost = told & (ab < GONE * np.sqrt(aa * bb + 1e-6))
    means = [_blocks(p.astype(np.float32)) for p in (source, release, plain)]
    painted = (abs(means[1] - means[0]) > MEAN_CHANGE) & (abs(means[2] - means[0]) < MEAN_CHANGE / 2)
    return np.asarray(lost | painted)


def _unneeded(blocks: NDArray[np.bool_], needed: Iterable[Box]) -> float:
    """Share of all blocks that are obscured and touch no place where that was needed."""
    free = blocks.copy()
    h, w = blocks.shape
    for b in needed:
        x1, y1, x2, y2 = Box(b.x1 / BLOCK, b.y1 / BLOCK, b.x2 / BLOCK, b.y2 / BLOCK).clip(w, h).to_ints()
        free[y1:y2, x1:x2] = False
    return float(free.mean())


# --- Judging a release -----------------------------------------------------------------------------


@dataclass
class Tally:
    """Of one kind in one release. ``seen`` and ``clear`` by size; a run in frames and seconds."""

    seen: list[int] = field(default_factory=lambda: [0] * len(BINS))
    clear: list[int] = field(default_factory=lambda: [0] * len(BINS))
    run_frames: int = 0
    run_seconds: float = 0.0
    likenesses: list[tuple[float, float]] = field(default_factory=list)


@dataclass
class Judged:
    """What became of a video: tallies by kind, and the share of the picture that was obscured without need."""

    kinds: dict[Kind, Tally] = field(default_factory=dict)
    unneeded: list[float] = field(default_factory=list)


@dataclass
class _Run:
    """An object that is followed from look to look; ``since``: when it became clear, (frame, seconds)."""

    box: Box
    since: tuple[int, float] | None


class _Judge:
    """Judges one release frame by frame."""

    def __init__(self, film: Iterator[tuple[float, Luma]], reference: Reference) -> None:
        self._shown = Shown(film)
        self._runs: dict[Kind, list[_Run]] = {k: [] for k in reference.looked}
        self.result = Judged({k: Tally() for k in reference.looked})

    def look(self, index: int, begins: float, ends: float, source: Luma, plain: Luma, reference: Reference) -> None:
        """Frame ``index`` of the source is shown from ``begins`` to ``ends`` (seconds)."""
        shown = self._shown.at((begins + ends) / 2)
        if shown.shape != source.shape:
            shown = np.asarray(cv2.resize(shown, source.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        marks = reference.at(index)
        for kind, tally in self.result.kinds.items():
            if index in reference.looked[kind]:
                here = [m for m in marks if m.kind is kind]
                clear = [self._is_clear(m, tally, source, shown) for m in here]
                self._follow(kind, tally, here, clear, (index, begins), ends)
        if index in reference.complete:
            self.result.unneeded.append(_unneeded(obscured(source, shown, plain), reference.needed.get(index, [])))

    def _is_clear(self, m: Mark, tally: Tally, source: Luma, shown: Luma) -> bool:
        where = next((n for n, (a, b) in enumerate(BINS) if a <= m.box.width < b), None)
        like = None if where is None else likeness(source, shown, m.kind, m.box)
        if where is None or like is None:
            return False
        is_clear = like[0] >= CLEAR or like[1] >= CLEAR_HALF
        tally.likenesses.append(like)
        tally.seen[where] += 1
        tally.clear[where] += is_clear
        return is_clear

    def _follow(
        self, kind: Kind, tally: Tally, marks: list[Mark], clear: list[bool], now: tuple[int, float], ends: float
    ) -> None:
        """Links marks to those of the look before and lengthens the runs of what is clear still."""
        before, after = list(self._runs[kind]), []
        for m, is_clear in zip(marks, clear, strict=True):
            same = max(before, key=lambda r: r.box.iou(m.box), default=None)
            if same is not None and same.box.iou(m.box) >= LINKED:
                before.remove(same)
            else:
                same = None
            since = ((same and same.since) or now) if is_clear else None
            after.append(_Run(m.box, since))
            if since is not None:
                tally.run_frames = max(tally.run_frames, now[0] - since[0] + 1)
                tally.run_seconds = max(tally.run_seconds, ends - since[1])
        self._runs[kind] = after


def judge(source: Path, releases: dict[str, Path], plain: Path, reference: Reference) -> dict[str, Judged]:
    """What stays clear in each release, by name. ``plain``: a plain transcode of the source."""
    small = _thumbnails(source)
    judges = {name: _Judge(frames(file, aligned(small, file)), reference) for name, file in releases.items()}
    control = Shown(frames(plain, aligned(small, plain)))
    film = frames(source)
    now, index = next(film), 0
    length = 0.04
    while now is not None:
        after = next(film, None)
        length = after[0] - now[0] if after else length
        shown = control.at(now[0] + length / 2)
        for j in judges.values():
            j.look(index, now[0], now[0] + length, now[1], shown, reference)
        now, index = after, index + 1
    return {name: j.result for name, j in judges.items()}


# --- The table -------------------------------------------------------------------------------------

HEAD = [
    "| clip | release | what | clear, 12 to 20 px wide | 20 to 40 px | 40 px and more | longest clear run of one "
    "| picture obscured without need |",
    "|---|---|---|---|---|---|---|---|",
]


def rows(clip: str, results: dict[str, Judged]) -> list[str]:
    """A row for each release and kind."""
    out = []
    for name, r in results.items():
        for kind, t in r.kinds.items():
            if not sum(t.seen):
                continue
            cells = [f"{c} of {n} ({c / n:.1%})" if n else "" for c, n in zip(t.clear, t.seen, strict=True)]
            run = f"{t.run_frames} frame{'s' * (t.run_frames > 1)}, {t.run_seconds:.2f} s" if t.run_frames else "none"
            unneeded = f"{np.mean(r.unneeded):.2%}" if r.unneeded else ""
            out.append(f"| {clip} | {name} | {kind}s | {' | '.join(cells)} | {run} | {unneeded} |")
    return out


def _release(clip: Path, folder: Path, recipe: str, peers: bool) -> dict[str, Path]:
    """Makes releases of a clip, each by its tool's defaults."""
    folder.mkdir(parents=True, exist_ok=True)
    plain, ours = folder / "plain.mp4", folder / "redact.mp4"
    subprocess.run(transcode(clip, plain), check=True)
    command = [sys.executable, "-m", "redact", "run", str(clip), "-o", str(ours), "--force", "--recipe", recipe]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 5:  # what was not released is still looked at, and called by its name
        out = {"redact, in quarantine": ours.with_name(f"{ours.name}.quarantine") / f"unreleased{ours.suffix}"}
    elif done.returncode:
        raise SystemExit(done.stderr)
    else:
        out = {"redact": ours}
    if peers:
        theirs = folder / f"deface-{DEFACE}.mp4"
        if not theirs.exists():  # does not change, and takes its time
            subprocess.run([deface_program(), clip, "-o", theirs], check=True, capture_output=True)
        out[f"deface {DEFACE}"] = theirs
    return out | {"plain transcode": plain}


def main() -> None:
    parser = argparse.ArgumentParser(description="What stays clear in a release, and what was obscured without need.")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--reference", type=Path, nargs="+", help="faces.json, plates.json or MOT CSV")
    parser.add_argument("--released", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--recipe", default="public-release", help="for the real clips")
    parser.add_argument("--peers", action="store_true", help="for the real clips: deface, too")
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    args = parser.parse_args()
    lines = list(HEAD)
    work = ROOT / ".cache" / "leaks"
    if args.source:
        if not args.reference or not args.released:
            parser.error("--source needs --reference and --released")
        jobs = [(args.source, args.reference, dict(r.split("=", 1) for r in args.released))]
    else:
        jobs = []
        for name in CLIPS:
            clip = real_clips() / f"{name}.mp4"
            if clip.exists():
                found = [f for k in ("faces", "plates") if (f := clip.with_name(f"{name}.{k}.json")).exists()]
                jobs.append((clip, found, _release(clip, work / name, args.recipe, args.peers)))
        if not jobs:
            sys.exit(f"{real_clips()}: none of the clips is here; set REDACT_DATA, or name a --source of your own.")
    for clip, references, releases in jobs:
        plain = work / "plain" / f"{clip.stem}.mp4"
        plain.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(transcode(clip, plain), check=True)
        films = {k: Path(v) for k, v in releases.items()}
        lines += rows(clip.stem, judge(clip, films, plain, read_reference(references)))
        print(lines[-1], file=sys.stderr)
    text = "\n".join(lines) + "\n"
    print(text)
    if args.write:
        args.write.write_text(f"# What stays clear\n\n{machine()}\n\n{text}")


if __name__ == "__main__":
    main()
