"""Says what became of inputs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from redact.batch.results import Fate
from redact.cli.output import err, json_line, out, report
from redact.errors import RedactError, VerificationError
from redact.inputs import is_release
from redact.outcome import Outcome
from redact.words import earlier_release, plural, shown


def _as_json(o: Outcome) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(o).items()} | {"verdict": "released"}


def line(o: Outcome, *, by_plan: bool = False) -> str:
    """One release; ``by_plan``: rendered by a plan, which says what is black, be it damaged or not."""
    found = ", ".join(plural(n, k) for k, n in o.tracks.items() if n) or "nothing"
    black = f"{plural(o.black_frames, 'frame')} black by the plan" if by_plan else ""
    black = black or f"{plural(o.black_frames, 'damaged frame')} black"
    return (
        f"[bold green]released[/] {escape(shown(o.output))}: {found} obscured in {o.obscured_frames} of "
        f"{plural(o.frames, 'frame')}"
        + (f", {black}" if o.black_frames else "")
        + (f", {o.silent_seconds:g} s of damaged sound silent" if o.silent_seconds else "")
        + f"; record {escape(shown(o.record))}"
        + "".join(f"\n  [yellow]note:[/] {escape(n)}" for n in o.notes)
    )


def with_earlier(e: RedactError, output: Path) -> RedactError:
    """Why nothing was released, and that an earlier release, which was to be replaced, still has its name."""
    if not is_release(output):
        return e
    return type(e)(e.message, f"{e.remedy} {earlier_release(output)}".strip())


class Told:
    """Says what became of each input, and in the end of all."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[Fate] = Counter()
        self.worst: RedactError | None = None
        """The first error."""

    def released(self, outcome: Outcome) -> None:
        """A release that is there."""
        self._counts[Fate.RELEASED] += 1
        if self._as_json:
            json_line(_as_json(outcome))
        else:
            out.print(line(outcome))

    def refused(self, source: Path, target: Path | None, e: RedactError) -> None:
        """An input of which nothing is released; ``target`` None where it would get no name."""
        self._counts[Fate.QUARANTINED if isinstance(e, VerificationError) else Fate.REFUSED] += 1
        self.worst = self.worst or e
        if self._as_json:
            failure = {"source": str(source), "output": str(target or ""), "verdict": "refused"}
            json_line(failure | {"error": str(e), "exit_code": e.exit_code})
        report(e)

    def not_tried(self, source: Path, target: Path) -> None:
        """An input that was not begun, as another one failed."""
        if self._as_json:
            json_line({"source": str(source), "output": str(target), "verdict": "not tried"})

    def end(self, inputs: int, left_out: str) -> None:
        """Counts, for several ``inputs``, and names what of their folders was skipped."""
        to = err if self._as_json else out
        if inputs > 1:
            left = inputs - self._counts.total()
            counts = ", ".join(f"{self._counts[f]} {f}" for f in Fate if self._counts[f])
            to.print(f"{plural(inputs, 'input')}: {counts}" + (f", {left} not tried" if left else ""))
        if left_out:
            to.print(escape(left_out))
