"""Keeps a failed release where nobody takes it for one, with what shows why it failed."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from redact.errors import VerificationError
from redact.findings import RedactionPlan
from redact.plan_io import dump_plan
from redact.record import canonical
from redact.staging import output_error, quarantine_folder, set_quarantine_aside
from redact.verdict import Verdict

MAX_PICTURES = 20  # of what leaks


def quarantine(
    release: Path,
    output: Path,
    record: dict[str, Any],
    plan: RedactionPlan,
    verdict: Verdict,
    evidence: Path | None = None,
) -> VerificationError:
    """Moves a release that failed into quarantine beside ``output`` and returns the error that says so.

    An earlier quarantine is set aside unless it holds the same release, made by the same plan.
    ``evidence``: a folder of pictures of what leaks (``frame-*.png``). Raises UsageError or SpaceError
    where the quarantine cannot be written.
    """
    folder = quarantine_folder(output)
    leaks = [
        {
            "frame": leak.index,
            "kind": str(leak.detection.kind),
            "score": round(leak.detection.score, 3),
            "box": [round(v, 1) for v in leak.detection.box.edges],
        }
        for leak in verdict.leaks
    ]
    try:
        if not _holds(folder, record, plan):
            set_quarantine_aside(output)
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.move(release, folder / f"unreleased{output.suffix}")
        (folder / "record.json").write_bytes(canonical(record))
        (folder / "plan.json").write_text(dump_plan(plan), encoding="utf-8")
        (folder / "report.json").write_text(json.dumps({"reason": verdict.reason, "leaks": leaks}, indent=1))
        for n, picture in enumerate(sorted(evidence.glob("frame-*.png"))[:MAX_PICTURES] if evidence else (), 1):
            shutil.move(picture, folder / f"frame-{n:02d}-{picture.stem.rsplit('-')[-1]}.png")
    except OSError as e:
        raise output_error(folder, e) from None
    return VerificationError(
        f"{str(output)!r}: not released: {verdict.reason}",
        f"Look at {str(folder)!r}, correct the plan there and render it.",
    )


def _holds(folder: Path, record: dict[str, Any], plan: RedactionPlan) -> bool:
    """Whether a quarantine holds this release: the same work done again, so that what is written over it is the same.

    A plan that a person has begun to correct there is another one.
    """
    with suppress(OSError, ValueError, LookupError, TypeError):
        there = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        same = there["output"]["sha256"] == record["output"]["sha256"]
        return bool(same) and (folder / "plan.json").read_text(encoding="utf-8") == dump_plan(plan)
    return False
