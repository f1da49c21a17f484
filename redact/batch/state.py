"""How far a batch is: kept in a file for ``redact status``, and told line by line as events."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from pydantic import TypeAdapter, ValidationError

from redact.batch.results import Node, RequestResult
from redact.errors import UsageError
from redact.outcome import Progress
from redact.staging import output_error

_EVERY = 1.0  # seconds between two writings of the state


@dataclass(frozen=True, slots=True)
class InFlight:
    """A video that is being worked on."""

    output: str
    phase: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class State:
    """How far a batch is, at one moment. ``hours_per_hour``: footage done in an hour, 0 where nothing is yet."""

    requests: str
    process: int
    running: bool
    started: datetime
    updated: datetime
    listed: int
    finished: int
    fates: dict[str, int]
    in_flight: tuple[InFlight, ...]
    frames: dict[str, int]
    """Frames done by phase."""
    footage_seconds: float
    hours_per_hour: float
    nodes: tuple[Node, ...]


_STATE = TypeAdapter(State)


class Tracker:
    """Takes in progress and results from all threads of a batch, writes the state and the events."""

    def __init__(
        self,
        file: Path,
        requests: str,
        listed: int,
        process: int,
        events: TextIO | None,
        nodes: Callable[[], tuple[Node, ...]],
        warn: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """``warn``: told, once, that events can no longer be written."""
        self._warn = warn
        self._file, self._requests, self._listed, self._process = file, requests, listed, process
        self._events, self._nodes = events, nodes
        self._lock = threading.Lock()
        self._began, self._started = time.monotonic(), datetime.now(UTC)
        self._written = 0.0
        self._flight: dict[str, InFlight] = {}
        self._frames: dict[str, int] = {}
        self._fates: dict[str, int] = {}
        self._seconds = 0.0

    def progress(self, p: Progress) -> None:
        """A video's progress; ``p.file`` is its output's name."""
        name = p.file.name
        with self._lock:
            before = self._flight.get(name)
            same = before is not None and before.phase == p.phase and before.done <= p.done
            news = p.done - (before.done if same and before else 0)
            self._frames[p.phase] = self._frames.get(p.phase, 0) + news
            self._flight[name] = InFlight(name, p.phase, p.done, p.total)
        self._write()

    def result(self, r: RequestResult, output: str) -> None:
        """A job that is finished."""
        with self._lock:
            self._flight.pop(output, None)
            self._fates[r.fate] = self._fates.get(r.fate, 0) + 1
            if not r.earlier:
                self._seconds += r.video_seconds
        self._write(at_once=True)

    def event(self, name: str, details: dict[str, Any]) -> None:
        """Writes one event as a line of JSON. Where that fails it is said, and the batch goes on without."""
        row = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": name} | details
        with self._lock:
            if self._events is None:
                return
            try:
                self._events.write(json.dumps(row, ensure_ascii=False) + "\n")
                self._events.flush()
                return
            except OSError as e:
                lost, self._events = self._events, None
                error = output_error(Path(lost.name), e)
            with suppress(OSError):  # what it still holds would fail again
                lost.close()
        self._warn(f"{error.message} The batch goes on, but no more events are written.")

    def state(self, *, running: bool = True) -> State:
        """How far the batch is now."""
        nodes = self._nodes()
        with self._lock:
            took = time.monotonic() - self._began
            return State(
                requests=self._requests,
                process=self._process,
                running=running,
                started=self._started,
                updated=datetime.now(UTC),
                listed=self._listed,
                finished=sum(self._fates.values()),
                fates=dict(self._fates),
                in_flight=tuple(self._flight.values()),
                frames=dict(self._frames),
                footage_seconds=self._seconds,
                hours_per_hour=self._seconds / took if took > 0 else 0.0,
                nodes=nodes,
            )

    def close(self) -> None:
        """Writes the last state."""
        with self._lock:
            self._flight.clear()
        self._write(at_once=True, running=False)

    def _write(self, *, at_once: bool = False, running: bool = True) -> None:
        # A clock that cannot jump: a machine that sets its clock back must not fall silent.
        now = time.monotonic()
        with self._lock:
            if not at_once and now - self._written < _EVERY:
                return
            self._written = now
        data = _STATE.dump_json(self.state(running=running), indent=1)
        aside = self._file.with_name(f"status.{threading.get_ident()}.part")
        try:
            aside.write_bytes(data)
            aside.replace(self._file)
        except OSError as e:
            aside.unlink(missing_ok=True)
            # A disk that is full for one video is not for the next: telling how far we are stops no work.
            if not running:
                raise output_error(self._file, e) from None


def as_json(state: State) -> str:
    """The state as one line of JSON."""
    return _STATE.dump_json(state).decode()


def read_state(file: Path) -> State:
    """Reads a state. Raises UsageError where there is none."""
    try:
        return _STATE.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        raise UsageError(
            f"{str(file.parent.parent)!r}: no batch was run into this folder.", "Name the folder given with -o."
        ) from None
