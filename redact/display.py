"""Progress on a terminal: phase, frames, speed and time left. Silent where nobody watches."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from redact.batch.state import State
from redact.outcome import Progress
from redact.words import plural, shown

_SOON = 1.0  # seconds in which nothing can be said about speed


class ProgressDisplay:
    """Shows the progress of one file at a time on ``console``, if that is a terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = Bar(
            TextColumn("{task.fields[file]} {task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} frames {task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None
        self._now: tuple[str, str] | None = None
        self._began = 0.0

    def __enter__(self) -> ProgressDisplay:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, step: Progress) -> None:
        """Takes a step's figures."""
        key = (str(step.file), step.phase)
        if key != self._now:
            self.clear()
            self._now, self._began = key, time.monotonic()
            self._task = self._bar.add_task(step.phase, total=step.total, file=shown(step.file.name), speed="")
        assert self._task is not None
        self._bar.update(self._task, completed=step.done, speed=speed(step, time.monotonic() - self._began))

    def clear(self) -> None:
        """Takes the current line away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task, self._now = None, None


def speed(step: Progress, seconds: float) -> str:
    """How fast a phase goes that began so long ago: what is really worked on, not what was kept; empty too early on."""
    worked = step.done - step.kept
    if not worked or not step.total or seconds < _SOON:
        return ""
    fps = worked / seconds
    return f"{fps:.0f} fps, {fps / step.total * step.seconds:.1f}x real time"


class BatchDisplay:
    """Shows how far a batch is on ``console``, if that is a terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = Bar(
            TextColumn("{task.completed:.0f}/{task.total:.0f} requests"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1)

    def __enter__(self) -> BatchDisplay:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, state: State) -> None:
        """Takes the state as it is now."""
        gpus = sum(n.gpus for n in state.nodes)
        text = (
            f"{len(state.in_flight)} in flight, {state.hours_per_hour:.1f} hours of footage an hour, "
            f"{plural(len(state.nodes), 'node')}" + (f", {plural(gpus, 'GPU')}" if gpus else "")
        )
        partly = sum(f.done / f.total / 3 for f in state.in_flight if f.total and f.phase == "plan")
        partly += sum((1 + f.done / f.total) / 3 for f in state.in_flight if f.total and f.phase == "render")
        partly += sum((2 + f.done / f.total) / 3 for f in state.in_flight if f.total and f.phase == "verify")
        self._bar.update(self._task, total=state.listed, completed=state.finished + partly, description=text)
