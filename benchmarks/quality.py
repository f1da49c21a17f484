"""Which qualities of the released picture pass verification: coding noise looks like detail, or like a change, at last.

    python benchmarks/quality.py [--clips DIR] [--write]

Each clip is planned once and rendered by that plan at each rate factor and preset. What is judged are the two checks
that coding noise can fail, ``detail`` and ``outside``. Findings of the detectors in a release are not counted: where
redact makes the plan itself they are covered, and the file rendered again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import ROOT, machine, real_clips

import redact
from redact.errors import VerificationError
from redact.findings import RedactionPlan
from redact.meters import MAX_DETAIL, MAX_MISFIT, MAX_OUTSIDE, MAX_TINT
from redact.policy import Policy
from redact.run.local import LocalRunner
from redact.staging import quarantine_folder, record_path

RATES = (20, 24, 28, 32, 36)
PRESETS = ("ultrafast", "superfast", "veryfast", "medium")
RECIPE = "public-release"


@dataclass(frozen=True)
class Judged:
    """What verification measured in one release, and whether coding noise failed it."""

    detail: float
    misfit: float
    tint: float
    outside: float
    passed: bool


def judged(clip: Path, plan: RedactionPlan, policy: Policy, folder: Path, runner: LocalRunner) -> Judged:
    """Renders a clip by a plan and reads what verification says of it."""
    out = folder / f"out{clip.suffix}"
    try:
        record = redact.render(clip, plan, out, policy, force=True, runner=runner).record
    except VerificationError:
        record = quarantine_folder(out) / "record.json"
    checks = {c["name"]: c for c in json.loads(record.read_text())["verification"]["checks"]}
    for made in (out, record_path(out)):
        made.unlink(missing_ok=True)
    detail, outside = checks["detail"], checks["outside"]
    return Judged(
        detail["numbers"]["worst"],
        detail["numbers"]["worst_misfit"],
        detail["numbers"]["worst_tint"],
        outside["numbers"].get("worst", 0.0),
        detail["passed"] and outside["passed"],
    )


def rows(clips: list[Path]) -> Iterator[str]:
    """A row of the table for each rate factor and preset, as it is measured."""
    base = redact.policy_of(RECIPE)
    with TemporaryDirectory(prefix="redact-quality-") as name, LocalRunner() as runner:
        plans = {clip: redact.plan(clip, base, runner=runner) for clip in clips}
        for rate in RATES:
            for preset in PRESETS:
                # Unchecked: what recipes do not allow is measured as well.
                encode = base.encode.model_copy(update={"crf": rate, "preset": preset})
                policy = base.model_copy(update={"encode": encode})
                found = [judged(c, p, policy, Path(name), runner) for c, p in plans.items()]
                passed = sum(f.passed for f in found)
                worst = [max(getattr(f, w) for f in found) for w in ("detail", "misfit", "tint", "outside")]
                numbers = " | ".join(f"{w:.1f}" for w in worst)
                yield f"| {rate} | {preset} | {passed} of {len(found)} | {numbers} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=real_clips(), help="a folder of .mp4 files")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/quality.md")
    options = parser.parse_args()
    clips = sorted(options.clips.glob("*.mp4"))
    if not clips:
        raise SystemExit(f"{options.clips}: no clips; set REDACT_DATA to the folder that holds clips/")
    lines = [
        "# Which qualities pass verification",
        "",
        f"`python benchmarks/quality.py`: {len(clips)} real clips, whole, recipe `{RECIPE}`. {machine()}",
        "",
        f"Worst numbers of all clips; allowed are {MAX_DETAIL} detail, {MAX_MISFIT} misfit, {MAX_TINT} tint (misfit of "
        f"colours) and {MAX_OUTSIDE} outside.",
        "",
        "| CRF | preset | clips that pass | detail | misfit | tint | outside |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for row in rows(clips):
        print(row, flush=True)
        lines.append(row)
    if options.write:
        (ROOT / "benchmarks" / "results" / "quality.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
