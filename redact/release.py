"""The last step: what passed is handed over with its record and plan; what did not goes into quarantine.

There nobody takes it for a release, and beside it lies what shows why it failed.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redact.errors import VerificationError
from redact.findings import RedactionPlan
from redact.plan_io import dump_plan, holds
from redact.record import canonical
from redact.staging import (
    check_still_free,
    output_error,
    plan_path,
    publish_together,
    quarantine_folder,
    record_path,
    set_quarantine_aside,
)
from redact.verdict import Verdict

MAX_PICTURES = 20  # of what leaks


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished and verified file: ``release``, in a workspace beside ``output``, its place if it passed.

    ``evidence``: a folder of pictures of what leaks (``frame-*.png``), where there may be any.
    """

    release: Path
    output: Path
    record: dict[str, Any]
    plan: RedactionPlan
    verdict: Verdict
    evidence: Path | None = None
    force: bool = False
    """Replaces what lies at the output and beside it."""


def hand_over(f: Finished) -> None:
    """Moves a release to its place, after its record and plan; into quarantine beside it where it failed.

    Raises VerificationError where it failed, UsageError or SpaceError where something cannot be written.
    """
    if not f.verdict.passed:
        raise _quarantined(f)
    record_file, plan_file = f.release.with_name("record.json"), f.release.with_name("plan.json")
    try:
        record_file.write_bytes(canonical(f.record))
        plan_file.write_bytes(dump_plan(f.plan).encode())
    except OSError as e:
        raise output_error(f.output, e) from None
    # The record first: by it a batch knows what is its own.
    finals = {record_file: record_path(f.output), plan_file: plan_path(f.output), f.release: f.output}
    # It may have been rendered by the plan that lies there, however that is laid out.
    same = () if f.force or not holds(plan_path(f.output), f.plan) else (plan_path(f.output),)
    if not f.force:
        check_still_free(finals, same)
    set_quarantine_aside(f.output)
    publish_together(finals, force=f.force, same=same)


def _quarantined(f: Finished) -> VerificationError:
    """Moves what failed into quarantine and returns the error that says so.

    An earlier quarantine is set aside unless it holds the same release, made by the same plan.
    """
    folder = quarantine_folder(f.output)
    leaks = [
        {
            "frame": leak.index,
            "kind": str(leak.detection.kind),
            "score": round(leak.detection.score, 3),
            "box": [round(v, 1) for v in leak.detection.box.edges],
        }
        for leak in f.verdict.leaks
    ]
    try:
        if not _holds(folder, f):
            set_quarantine_aside(f.output)
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.move(f.release, folder / f"unreleased{f.output.suffix}")
        (folder / "record.json").write_bytes(canonical(f.record))
        (folder / "plan.json").write_text(dump_plan(f.plan), encoding="utf-8")
        (folder / "report.json").write_text(json.dumps({"reason": f.verdict.reason, "leaks": leaks}, indent=1))
        for n, picture in enumerate(sorted(f.evidence.glob("frame-*.png"))[:MAX_PICTURES] if f.evidence else (), 1):
            shutil.move(picture, folder / f"frame-{n:02d}-{picture.stem.rsplit('-')[-1]}.png")
    except OSError as e:
        raise output_error(folder, e) from None
    return VerificationError(
        f"{str(f.output)!r}: not released: {f.verdict.reason}",
        f"Look at {str(folder)!r}, correct the plan there and render it.",
    )


def _holds(folder: Path, f: Finished) -> bool:
    """Whether a quarantine holds this release: the same work done again, so that what is written over it is the same.

    A plan that a person has begun to correct there is another one.
    """
    with suppress(OSError, ValueError, LookupError, TypeError):
        there = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        same = there["output"]["sha256"] == f.record["output"]["sha256"]
        return bool(same) and (folder / "plan.json").read_text(encoding="utf-8") == dump_plan(f.plan)
    return False
