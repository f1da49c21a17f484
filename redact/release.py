"""The last step: what passed is handed over with its record and plan; what did not goes into quarantine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redact.findings import RedactionPlan
from redact.plan_io import dump_plan
from redact.quarantine import quarantine
from redact.record import canonical
from redact.staging import output_error, plan_path, publish, record_path, set_quarantine_aside
from redact.verdict import Verdict


def hand_over(
    release: Path,
    output: Path,
    record: dict[str, Any],
    plan: RedactionPlan,
    verdict: Verdict,
    evidence: Path | None = None,
) -> None:
    """Moves ``release``, a finished file in a workspace beside ``output``, to that name, after its record and plan.

    ``evidence``: a folder of pictures of what leaks (``frame-*.png``). Raises VerificationError where the
    release failed and is in quarantine, UsageError or SpaceError where something cannot be written.
    """
    if not verdict.passed:
        raise quarantine(release, output, record, plan, verdict, evidence)
    record_file, plan_file = release.with_name("record.json"), release.with_name("plan.json")
    try:
        record_file.write_bytes(canonical(record))
        plan_file.write_bytes(dump_plan(plan).encode())
    except OSError as e:
        raise output_error(output, e) from None
    publish(record_file, record_path(output))  # first: by it a batch knows what is its own
    publish(plan_file, plan_path(output))
    set_quarantine_aside(output)
    publish(release, output)
