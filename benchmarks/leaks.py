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

Of what form references are, ``leaking/references.py`` says.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from machine import DEFACE, ROOT, deface_program, machine, real_clips, transcode
from leaking.judge import Judged, judge
from leaking.references import read_reference

CLIPS = (
    "01_street_crowd_faces_1080p",
    "14_intel_two_people_walking_faces_480x270",
    "04_uk_plate_720p",
    "07_egoblur_carpark_plates_2560x1920",
)
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
