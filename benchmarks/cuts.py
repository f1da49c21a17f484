"""How well cuts are told from pans and other changes within a scene, how often each is wrong, and what that costs.

    python benchmarks/cuts.py --data $REDACT_DATA/detect --costs --write

Pairs of looks are made of photographs, at known speeds (``cutting/scenes.py``): the limits were chosen on the split
``train``, and the table is of ``val``. Then real clips: looks as far apart as the recipes look, and looks at two
different clips as cuts. ``--film FILE --cuts 29 77``: a film with cuts whose places are known (the first frame of each
new scene). ``--costs``: what a false and a missed cut leave clear, on real clips with reference boxes. ``--choose``
looks at ``train`` instead. ``--failures FOLDER`` writes the pairs that were judged wrongly, as pictures.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from machine import ROOT, machine, real_clips
from cutting.camera import Photographs
from cutting.costs import COVERED, find, table
from cutting.rivals import IN_PLACE, RIVALS, in_place
from cutting.scenes import CUTS, EXTREME, NEITHER, SCENES, SPEEDS, pairs
from numpy.typing import NDArray

from redact import cuts
from redact.motion import small

Pixels = NDArray[np.uint8]
Rows = list[str]
LOOK_SECONDS = 0.125  # of the recipes
FALSE = (0.003, 0.01)  # shares of false cuts at which ways to tell a cut are compared
RESULTS = ROOT / "benchmarks" / "results" / "cuts.md"


@dataclass
class Judged:
    """Pairs of one kind."""

    alike: list[float] = field(default_factory=list)
    """By ``redact.cuts``; 1 where one look shows nothing, so that no cut is told."""
    rivals: dict[str, list[float]] = field(default_factory=dict)

    def add(self, a: Pixels, b: Pixels, rivals: bool) -> None:
        """``a`` and ``b``: pictures, RGB (H, W, 3)."""
        x, y = (cuts.look(small(p)) for p in (a, b))
        self.alike.append(cuts.likeness(x, y) if x and y else 1.0)
        for name, unlike in RIVALS.items() if rivals else {"difference in place (before)": in_place}.items():
            self.rivals.setdefault(name, []).append(unlike(a, b))

    def below(self, limit: float) -> float:
        return float(np.mean(np.array(self.alike) < limit))

    @property
    def before(self) -> float:
        """Share of cuts as redact told them before."""
        return float(np.mean(np.array(self.rivals["difference in place (before)"]) > IN_PLACE))


def judge(photos: Photographs, split: str, number: int, failures: Path | None) -> dict[str, Judged]:
    """Makes and judges ``number`` pairs of each kind."""
    out: dict[str, Judged] = {}
    for kind in (*SCENES, *CUTS, *NEITHER):
        judged = out[kind] = Judged()
        wrong: list[Pixels] = []
        for a, b in pairs(kind, photos, split, number):
            judged.add(a, b, True)
            if (judged.alike[-1] < cuts.CUT) is (kind not in CUTS):
                wrong.append(_beside(a, b, judged.alike[-1]))
        print(f"{kind}: {judged.below(cuts.CUT):.1%} cuts", file=sys.stderr, flush=True)
        if failures and wrong:
            failures.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(failures / f"{kind.replace(' ', '-')}.png"), np.vstack(wrong[:10])[:, :, ::-1])
    return out


def _beside(a: Pixels, b: Pixels, alike: float) -> Pixels:
    sheet = np.full((190, 660, 3), 255, np.uint8)
    for x, p in ((0, a), (330, b)):
        factor = min(320 / p.shape[1], 180 / p.shape[0])
        shown = cv2.resize(p, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        sheet[: shown.shape[0], x : x + shown.shape[1]] = shown
    cv2.putText(sheet, f"{alike:.3f}", (590, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (200, 0, 0), 1, cv2.LINE_AA)
    return sheet


def scene_table(judged: dict[str, Judged], split: str) -> Rows:
    """Every kind of pair, before and now."""
    out = [
        f"| pairs of `{split}` | number | cuts told before | cuts told now | unclear now |",
        "|---|---|---|---|---|",
    ]
    for title, kinds in (("**one scene**", SCENES), ("**a cut**", CUTS), ("**neither**", NEITHER)):
        out.append(f"| {title} | | | | |")
        for kind in kinds:
            j = judged[kind]
            now = j.below(cuts.CUT)
            unclear = j.below(cuts.UNCLEAR) - now
            out.append(f"| {kind} | {len(j.alike)} | {j.before:.1%} | {now:.1%} | {unclear:.1%} |")
    return out


def summary(judged: dict[str, Judged]) -> Rows:
    """Both errors, all kinds counting equally."""
    usual = [k for k in SCENES if k not in EXTREME]
    slow = [k for k in SCENES if k in {f"pan {v:.0%}" for v in SPEEDS if v <= 0.4}]
    fast = [k for k in SCENES if k.startswith("pan ") and k not in slow]
    rows = [
        ("true cuts noticed", "{:.1%}", 1, [*CUTS]),
        ("false cuts per 1000 pairs, without the extreme kinds", "{:.1f}", 1000, usual),
        ("false cuts per 1000 pairs, pans up to 40%", "{:.1f}", 1000, slow),
        ("false cuts per 1000 pairs, pans by 50% and more", "{:.1f}", 1000, fast),
    ]
    out = ["| | before | now |", "|---|---|---|"]
    for name, form, times, kinds in rows:
        before = times * np.mean([judged[k].before for k in kinds])
        now = times * np.mean([judged[k].below(cuts.CUT) for k in kinds])
        out.append(f"| {name} | {form.format(before)} | {form.format(now)} |")
    return out


def rival_table(judged: dict[str, Judged]) -> Rows:
    """Ways to tell a cut, each at limits that give the same share of false cuts."""
    usual = [k for k in SCENES if k not in EXTREME]
    ways: dict[str, Callable[[Judged], NDArray[np.float64]]] = {
        name: lambda j, name=name: np.array(j.rivals[name])  # type: ignore[misc]
        for name in RIVALS
    }
    ways["blocks at one displacement (now)"] = lambda j: -np.array(j.alike)
    out = [
        "| way | " + " | ".join(f"true cuts noticed at {1000 * q:g} false cuts per 1000 pairs" for q in FALSE) + " |",
        "|---|" + "---|" * len(FALSE),
    ]
    for name, unlike in ways.items():
        scenes = np.concatenate([unlike(judged[k]) for k in usual])
        cells = []
        for q in FALSE:
            limit = np.quantile(scenes, 1 - q)
            cells.append(f"{np.mean([np.mean(unlike(judged[k]) > limit) for k in CUTS]):.1%}")
        out.append(f"| {name} | {' | '.join(cells)} |")
    return out


def read_film(file: Path) -> tuple[float, list[Pixels]]:
    """(frames a second, frames of at most 640 px, RGB) of a short film."""
    with av.open(str(file)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        frames = []
        for f in container.decode(video=0):
            p = f.to_ndarray(format="rgb24")
            factor = min(1.0, 640 / max(p.shape[:2]))
            frames.append(np.asarray(cv2.resize(p, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8))
    return rate, frames


def _wide(p: Pixels) -> Pixels:
    """The middle of a picture as 16:9: all of a film have one shape."""
    high, wide = p.shape[:2]
    rows, columns = min(high, wide * 9 // 16), min(wide, high * 16 // 9)
    top, left = (high - rows) // 2, (wide - columns) // 2
    return p[top : top + rows, left : left + columns]


def _row(name: str, what: str, j: Judged) -> str:
    told, before = j.below(cuts.CUT), j.before
    n = len(j.alike)
    lowest = f"{min(j.alike):.2f} to {max(j.alike):.2f}"
    unclear = round((j.below(cuts.UNCLEAR) - told) * n)
    return f"| {name} | {what} | {n} | {round(before * n)} | {round(told * n)} | {unclear} | {lowest} |"


def clip_table(clips: Sequence[Path], film: Path | None, starts: Sequence[int]) -> Rows:
    """Real footage: looks within a clip, at two clips, and at a film with known cuts."""
    out = [
        "| film | pairs | number | cuts told before | cuts told now | unclear now | likeness |",
        "|---|---|---|---|---|---|---|",
    ]
    films = {c.stem.split("_")[0]: read_film(c) for c in clips}
    rng = np.random.default_rng(1)
    for name, (rate, frames) in films.items():
        for seconds in (LOOK_SECONDS, 2 * LOOK_SECONDS):
            step = max(1, int(rate * seconds))
            j = Judged()
            for a, b in zip(frames, frames[step:], strict=False):
                j.add(a, b, False)
            out.append(_row(name, f"{step / rate:.2f} s apart", j))
        apart, j = round(5 * rate), Judged()
        for n in rng.integers(0, len(frames) - apart, 50) if len(frames) > apart else ():
            j.add(frames[n], frames[n + apart], False)
        if j.alike:
            out.append(_row(name, "5 s apart, as if so much were cut out", j))
    between = Judged()
    names = [*films]
    for _ in range(1000 if len(names) > 1 else 0):
        a, b = (films[names[n]][1] for n in rng.choice(len(names), 2, replace=False))
        between.add(_wide(a[rng.integers(len(a))]), _wide(b[rng.integers(len(b))]), False)
    if between.alike:
        out.append(_row("two clips", "cuts from one to the other", between))
    if film:
        rate, frames = read_film(film)
        step = max(1, int(rate * LOOK_SECONDS))
        true, none = Judged(), Judged()
        for n, (a, b) in enumerate(zip(frames, frames[step:], strict=False)):
            (true if any(n < s <= n + step for s in starts) else none).add(a, b, False)
        out += [_row(film.name, f"across one of its {len(starts)} cuts", true), _row(film.name, "within a scene", none)]
    return out


def cost_of_telling() -> Rows:
    """CPU time, as a worker spends it."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    photo = cv2.GaussianBlur(rng.integers(0, 255, (1200, 2000, 3)).astype(np.uint8), (0, 0), 9)
    photo = cv2.normalize(photo, None, 0, 255, cv2.NORM_MINMAX)
    shown, moved, other = photo[:900, :1600], photo[:900, 200:1800], photo[::-1, ::-1][:900, :1600]
    # What runs there is a copy in memory of its own, as a decoded frame is.
    shown, moved, other = (np.ascontiguousarray(p) for p in (shown, moved, other))
    smalls = [small(p) for p in (shown, moved, other)]
    looks = [cuts.look(s) for s in smalls]

    def ms(work: Callable[[], object]) -> float:
        times = []
        for _ in range(300):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        return 1000 * float(np.median(times))

    before = cv2.resize(shown, (32, 18), interpolation=cv2.INTER_AREA)
    rows: list[tuple[str, float, float]] = [
        (
            "thumbnail (before: of a picture of 1600 px; now: of the picture of 256 px that motion is told from)",
            ms(lambda: cv2.cvtColor(cv2.resize(shown, (32, 18), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)),
            ms(lambda: cuts.look(smalls[0])),
        ),
        ("one scene", ms(lambda: in_place(before, before)), ms(lambda: cuts.compare(looks[0], looks[1]))),
        ("a cut", ms(lambda: in_place(before, before)), ms(lambda: cuts.compare(looks[0], looks[2]))),
    ]
    return [
        "| CPU time, ms | before | now |",
        "|---|---|---|",
        *(f"| {name} | {a:.2f} | {b:.2f} |" for name, a, b in rows),
    ]


TEXT = """# Cuts

{machine}

Made by `benchmarks/cuts.py{arguments}`.
"Before" is the difference in place of thumbnails of 32 x 18, told as a cut above {in_place:g}. "Now" is the likeness of
`redact/cuts.py`, told as a cut below {cut:g}, and unclear from there to {unclear:g}.

## What follows

{follows}

## Both errors

On pairs of looks made of photographs, all kinds counting equally. Extreme kinds: {extreme}.

{summary}

## By kind

A pan's speed is the share of the picture by which it moves from one look to the next; recipes look every {seconds:g} s.

{kinds}

## Other ways

All kinds counting equally, without the extreme ones.

{rivals}

## Real clips

{clips}

## What it takes

{cost}
"""
COSTS = """
## What being wrong costs

Faces and plates of the clips' references that the plan leaves clear (less than {covered:.0%} of the box covered), each
time that a cut is told where there is none, or a cut is missed; and how much more of the picture is obscured, in whole
frames. The motion of the picture across a missed cut is nonsense; it is not used where likeness is below {unclear:g}.

{table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="How well cuts are told, and what it costs to be wrong.")
    parser.add_argument("--data", type=Path, required=True, help="a folder with train/images and val/images")
    parser.add_argument("--clips", type=Path, default=real_clips(), help="a folder of .mp4 files, each of one scene")
    parser.add_argument("--number", type=int, default=400, help="pairs of each kind")
    parser.add_argument("--choose", action="store_true", help="on the split by which the limits were chosen")
    parser.add_argument("--film", type=Path, help="a film with cuts")
    parser.add_argument("--cuts", type=int, nargs="+", default=[], help="the first frame of each of its new scenes")
    parser.add_argument("--costs", action="store_true", help="also what being wrong costs")
    parser.add_argument("--failures", type=Path, help="a folder for pictures of pairs that were judged wrongly")
    parser.add_argument("--write", action="store_true", help=f"also write {RESULTS.relative_to(ROOT)}")
    args = parser.parse_args()
    split = "train" if args.choose else "val"
    clips = sorted(args.clips.glob("*.mp4"))
    judged = judge(Photographs.of(args.data, split), split, args.number, args.failures)
    text = TEXT.format(
        machine=machine(),
        arguments="".join(f" {w}" for w in _arguments(args)),
        in_place=IN_PLACE,
        cut=cuts.CUT,
        unclear=cuts.UNCLEAR,
        follows=_kept(RESULTS),
        extreme=", ".join(EXTREME),
        summary="\n".join(summary(judged)),
        seconds=LOOK_SECONDS,
        kinds="\n".join(scene_table(judged, split)),
        rivals="\n".join(rival_table(judged)),
        clips="\n".join(clip_table(clips, args.film, args.cuts)) if clips else f"There are none in {args.clips}.",
        cost="\n".join(cost_of_telling()),
    )
    if args.costs:
        found = {c.stem: find(c) for c in clips if c.with_name(f"{c.stem}.faces.json").exists()}
        text += COSTS.format(covered=COVERED, unclear=cuts.UNCLEAR, table="\n".join(table(found)))
    print(text)
    if args.write:
        RESULTS.write_text(text)


def _arguments(args: argparse.Namespace) -> list[str]:
    """What a reader needs to make the same tables; folders are his own."""
    said = ["--data $REDACT_DATA/detect", f"--number {args.number}"]
    said += ["--choose"] if args.choose else []
    said += [f"--film {args.film.name}", f"--cuts {' '.join(map(str, args.cuts))}"] if args.film else []
    return said + (["--costs"] if args.costs else [])


def _kept(file: Path) -> str:
    """What people wrote about the results stays as it is."""
    text = file.read_text() if file.exists() else ""
    return text.partition("## What follows\n\n")[2].partition("\n\n## ")[0]


if __name__ == "__main__":
    main()
