"""One request that ends badly leaves the others alone, also where its evidence cannot be delivered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from here import Here

from redact.api import policy_of
from redact.batch import carry
from redact.batch.places import Delivery
from redact.batch.results import Fate
from redact.batch.run import prepare, run_batch
from redact.errors import UsageError, VerificationError
from redact.outcome import Outcome
from redact.pipeline import run_video
from redact.staging import quarantine_folder


def _one_fails(source: Path, output: Path, *more: Any, **options: Any) -> Outcome:
    if output.name != "bad.mp4":
        return run_video(source, output, *more, **options)
    quarantine_folder(output).mkdir()
    (quarantine_folder(output) / "report.json").write_text("{}")
    raise VerificationError("Frame 3 shows a clear face.")


def _no_room(self: Delivery, folder: Path, name: str) -> None:
    raise UsageError(f"{name}: cannot be delivered.", "Check the address and run again.")


def test_evidence_that_cannot_be_delivered_stops_no_batch(
    plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(carry, "run_video", _one_fails)
    monkeypatch.setattr(Delivery, "put_folder", _no_room)
    request = {"source": str(plain_clip), "operator": "07", "purpose": "a test", "legal_basis": "none needed"}
    rows = [request | {"id": name, "output": f"{name}.mp4"} for name in ("bad", "good")]
    file = tmp_path / "requests.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    batch, journal, place = prepare(file, "memory://out", "public-release", policy_of)
    summary = run_batch(batch, journal, place, Here(), at_once=1, nodes=tuple, tell=lambda told: None)
    bad, good = summary.results
    assert (bad.fate, good.fate) == (Fate.QUARANTINED, Fate.RELEASED)
    assert bad.reason.startswith("Frame 3 shows a clear face. ")
    assert "cannot be delivered" in bad.reason
    assert bad.quarantine == "bad.mp4.quarantine"
