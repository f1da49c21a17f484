"""Carries a batch out in this process, on any runner, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from footage import released

from redact.api import policy_of
from redact.batch.results import Fate, RequestResult
from redact.batch.run import Told, prepare, run_batch
from redact.video import Runner


@dataclass(frozen=True)
class Carried:
    """What a batch gave: results in the order of the requests, and digests of the releases and plans."""

    results: tuple[RequestResult, ...]
    files: dict[str, str]

    @property
    def fates(self) -> dict[str, Fate]:
        return {r.id: r.fate for r in self.results}

    def reason(self, id: str) -> str:
        """Why a request was not released."""
        return next(r.reason for r in self.results if r.id == id)


def carry(
    requests: Path,
    folder: Path,
    runner: Runner,
    *,
    at_once: int = 2,
    tell: Callable[[Told], None] = lambda told: None,
    recipe: str = "public-release",
) -> Carried:
    """Runs a batch to its end."""
    batch, journal, place = prepare(requests, str(folder), recipe, policy_of)
    summary = run_batch(batch, journal, place, runner, at_once=at_once, nodes=tuple, tell=tell)
    return Carried(summary.results, released(folder))
