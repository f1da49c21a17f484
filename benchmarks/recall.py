"""Recall by size, covered share, findings on nothing and CPU time of our detectors and of others, in one run.

    python benchmarks/recall.py --data $REDACT_DATA/detect

Prints a table and writes it, and a picture of recall against findings on nothing, to ``benchmarks/results``.
Every picture is read once and shown to every detector at every size. YuNet is not part of redact: it is
measured where ``redact models pull yunet`` has fetched it.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "models"))  # the recipe is scripts, which find each other by plain name

from evaluate import LOWEST, Where, all_labelled, measure, table, write_card  # noqa: E402
from labelled import FAR_PX, SHEET, read_set  # noqa: E402
from redact.detect import Detector, load_cards, open_detector  # noqa: E402
from redact.detect.measure import COVERED, IOU, Tally  # noqa: E402
from redact.errors import WeightsError  # noqa: E402
from redact.findings import Kind  # noqa: E402

mpl.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

SECOND = "centerface"


def detectors(names: list[str]) -> dict[str, Detector]:
    """Opens what can be opened; says in a sentence what is left out."""
    cards = load_cards()
    opened: dict[str, Detector] = {}
    for name in names or cards:
        try:
            opened[name] = open_detector(cards[name], min_score=LOWEST)
        except WeightsError as e:
            print(f"Left out: {name}. {e}", file=sys.stderr)
        except KeyError:
            sys.exit(f"There is no model card called {name!r}.")
    return opened


def draw(tallies: Mapping[Where, Tally], file: Path) -> None:
    """Recall against findings on nothing, one panel a set and kind, one line a detector and size."""
    panels = sorted({(w.set, w.kind) for w in tallies})
    figure, axes = plt.subplots(1, len(panels), figsize=(6 * len(panels), 5), squeeze=False, layout="constrained")
    names = sorted({w.name for w in tallies})
    sizes = sorted({w.size_px for w in tallies})
    for axis, (of, kind) in zip(axes[0], panels, strict=True):
        for where in sorted(w for w in tallies if (w.set, w.kind) == (of, kind)):
            tally = tallies[where]
            points = [tally.at(float(s)) for s in np.linspace(LOWEST, 0.95, 91)]
            axis.plot(
                [max(p.unmatched_per_picture, 1e-3) for p in points],
                [p.recall for p in points],
                color=f"C{names.index(where.name)}",
                linestyle=("-", "--", ":", "-.")[sizes.index(where.size_px) % 4],
                label=f"{where.name} at {where.size_px} px",
            )
        title = f"{kind}s, {of}"
        exact = all_labelled(next(w for w in tallies if (w.set, w.kind) == (of, kind)))
        axis.set_title(title)
        axis.set_xlabel(
            "false positives per picture" if exact else "findings on nothing labelled, per picture (upper bound)"
        )
        axis.set_ylabel("recall")
        axis.set_xscale("log")
        axis.set_ylim(0, 1)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="lower right")
    figure.savefig(file, dpi=110)


@dataclass(frozen=True)
class Budgets:
    """How many findings on nothing a picture detectors are compared at."""

    faces: float
    far: float
    plates: float

    def of(self, where: Where) -> float:
        if where.kind is Kind.PLATE:
            return self.plates
        return self.far if where.set == "far" else self.faces


def at_budget(tallies: Mapping[Where, Tally], budgets: Budgets) -> str:
    """A Markdown table of recall where each detector finds equally much that is not labelled."""
    lines = [
        "| detector | set | kind | px | score | unmatched | recall | 8-16 | 16-32 | 32+ | covered | CPU-ms |",
        "|" + "---|" * 12,
    ]
    for where, tally in sorted(tallies.items(), key=lambda t: (t[0].set, t[0].kind, t[0].size_px, t[0].name)):
        n = tally.at(tally.score_for(budgets.of(where)))
        bins = {b.px: f"{b.recall:.3f}" for b in n.bins}
        row = (
            where.name,
            where.set,
            where.kind,
            str(where.size_px),
            f"{n.score:.3f}",
            f"{n.unmatched_per_picture:.2f}",
            f"{n.recall:.3f}",
            *(bins.get(px, "") for px in ("8-16", "16-32", "32+")),
            f"{n.covered:.3f}",
            f"{tally.cpu_ms_per_picture:.0f}",
        )
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


TEXT = """# Recall

Made by `benchmarks/recall.py` on {machine}, one thread; detectors: {detectors}.

- **px**: long side of the pictures shown; smaller ones were not enlarged. Objects are sized by their height in the
  picture shown; those under 8 px count neither way. In brackets: how many there are.
- **recall**: a finding lies on the object (IoU at least {face_iou} for faces, {plate_iou} for plates).
- **covered**: {covered:.0%} of the labelled box lies under findings padded as the default recipe pads.
- **unmatched**: findings on nothing labelled, a picture. With `<=` not every face is labelled in the set, so true
  faces are among them: an upper bound of false positives, good only to compare detectors.
- **far**: the same faces, shrunk till a picture's median face is {heights} px high, side by side on sheets of
  {width}x{height}.
- **a+b**: the findings of both, united as the main job unites them: one box around both where they lie on one
  another. Such boxes are larger than the label, so their recall by IoU can be below that of one detector alone while
  more is covered, which is what hides a face.

![Recall against findings on nothing](recall.png)

## At fixed scores

{fixed}

## At equally many findings on nothing

{faces:g} a picture for faces ({far:g} a sheet of far people), {plates:g} for plates.

{equal}
"""


def report(tallies: Mapping[Where, Tally], scores: list[float], budgets: Budgets, opened: list[str]) -> str:
    """The whole of recall.md."""
    return TEXT.format(
        machine=platform.machine(),
        detectors=", ".join(opened),
        face_iou=IOU[Kind.FACE],
        plate_iou=IOU[Kind.PLATE],
        covered=COVERED,
        heights=", ".join(map(str, FAR_PX)),
        width=SHEET[0],
        height=SHEET[1],
        fixed=table(tallies, scores),
        faces=budgets.faces,
        far=budgets.far,
        plates=budgets.plates,
        equal=at_budget(tallies, budgets),
    )


def refresh(readme: Path, text: str) -> None:
    """Replaces what stands between the two marks in models/README.md."""
    before, mark, rest = readme.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    _old, end, after = rest.partition("<!-- /measured -->\n")
    if not (mark and end):
        sys.exit(f"{readme}: the marks around the measured table are missing.")
    readme.write_text(f"{before}{mark}{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True, help="folder with val/ (Ultralytics layout)")
    p.add_argument("--split", default="val")
    p.add_argument("--detectors", nargs="*", default=[], help="names of cards; all where none is given")
    p.add_argument("--sizes", type=int, nargs="+", default=[640, 1280])
    p.add_argument("--scores", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.5])
    p.add_argument(
        "--faces-small", action=argparse.BooleanOptionalAction, default=True, help="also sheets of far people"
    )
    p.add_argument("--budgets", type=float, nargs=3, default=[2.0, 20.0, 0.2], help="faces, far faces, plates")
    p.add_argument("--limit", type=int, help="only the first N pictures of each source")
    p.add_argument(
        "--write-cards", action="store_true", help="also write the figures into the models' cards and README"
    )
    p.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    a = p.parse_args()
    opened = detectors(a.detectors)
    joined = [(n, SECOND) for n, d in opened.items() if SECOND in opened and n != SECOND and Kind.FACE in d.kinds]
    pictures = read_set(a.data, a.split, a.limit)
    tallies = measure(opened, pictures, a.sizes, joined=joined, far=a.faces_small, split=a.split)
    text = report(tallies, a.scores, Budgets(*a.budgets), list(opened))
    print(text)
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "recall.md").write_text(text)
    draw(tallies, a.out / "recall.png")
    for name in opened if a.write_cards else ():
        card = ROOT / "models" / "cards" / f"{name}.toml"
        if card.exists():  # a user's own card is the user's to write
            write_card(card, {w: t for w, t in tallies.items() if w.name == name})
    if a.write_cards:
        refresh(ROOT / "models" / "README.md", at_budget(tallies, Budgets(*a.budgets)))


if __name__ == "__main__":
    main()
