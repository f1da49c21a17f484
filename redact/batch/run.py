"""A whole batch: reads and checks the requests, carries them out, writes the table and the report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from tenacity import Retrying, stop_after_attempt, wait_fixed

from redact.batch.aside import set_others_aside
from redact.batch.carry import Carrier, Place
from redact.batch.jobs import Batch, Job, PolicyOf, problems_with_earlier, read_batch
from redact.batch.journal import HOME, Journal, done_in
from redact.batch.places import Delivery
from redact.batch.problems import RequestError
from redact.batch.report import NAME as REPORT
from redact.batch.report import write_report
from redact.batch.results import BatchSummary, Node, RequestResult
from redact.batch.sources import is_address
from redact.batch.state import State, Tracker, read_state
from redact.batch.summary import NAME as TABLE
from redact.batch.summary import write_summary
from redact.errors import Interrupted, RedactError, UsageError
from redact.outcome import Progress
from redact.record import versions
from redact.staging import check_new_file, output_error, sweep
from redact.video import Runner
from redact.words import plural

_TRIES, _TRY_SECONDS = 3, 0.1  # for the lock of a folder
_WRITE_SECONDS = 10.0  # between two writings of the report: it is as long as the batch


@dataclass(frozen=True, slots=True)
class Told:
    """What a batch tells while it runs: after each progress and each result, the state as it is then."""

    state: State
    result: RequestResult | None = None


def check_batch(requests: Path, output: str, recipe: str, policy_of: PolicyOf) -> tuple[Batch, Place]:
    """Checks all requests and the place for the results, and writes nothing.

    ``output``: a folder, or an fsspec address; then the work is done in a local folder named after
    the requests. Raises UsageError of some kind.
    """
    delivery = Delivery(output) if is_address(output) else None
    folder = Path(requests.stem + ".batch") if delivery else Path(output)
    place = Place(folder.absolute(), delivery)
    there = place.existing
    if not there.is_dir():
        raise UsageError(f"{str(there)!r}: is a file, but a batch needs a folder.", "Name a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{str(there)!r}: may not be written to.", "Ask for write permission on the folder.")
    batch = read_batch(requests, recipe, policy_of, {i: e.sha256 for i, e in done_in(folder).items()}, str(folder))
    for file in (folder / TABLE, folder / REPORT):
        if file.exists() and not (folder / HOME).is_dir():
            raise UsageError(f"{str(file)!r}: exists already, and no batch wrote it.", "Name another folder.")
        if folder.is_dir():
            check_new_file(file, inputs_of(batch), force=True)
    return batch, place


def inputs_of(batch: Batch) -> tuple[Path, ...]:
    """The files that a batch reads and must not write: its requests and their footage."""
    sources = (j.source.location for j in (*batch.jobs, *batch.done))
    return (Path(batch.file), *dict.fromkeys(Path(s) for s in sources if not is_address(s)))


def prepare(requests: Path, output: str, recipe: str, policy_of: PolicyOf) -> tuple[Batch, Journal, Place]:
    """As ``check_batch``, and makes the folder and the memory of the batch in it."""
    batch, place = check_batch(requests, output, recipe, policy_of)
    return batch, make_folder(place), place


def make_folder(place: Place) -> Journal:
    """Makes the folder of a batch, and the memory of the batch in it. Raises UsageError or SpaceError."""
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise output_error(place.folder, e) from None
    return Journal(place.folder)


def run_batch(
    batch: Batch,
    journal: Journal,
    place: Place,
    runner: Runner,
    *,
    at_once: int,
    nodes: Callable[[], tuple[Node, ...]],
    tell: Callable[[Told], None],
    events: TextIO | None = None,
    stop: Callable[[], None] = lambda: None,
    warn: Callable[[str], None] = lambda sentence: None,
) -> BatchSummary:
    """Carries out a batch that ``prepare`` gave, one batch at a time in a folder.

    The table and the report are written as results come in and at the end, also when it is stopped:
    ``stop`` makes the runner end all work at once. Raises UsageError where another process works in the
    folder, RequestError where one has ended there that did a request with other content, SpaceError where
    it is full, Interrupted where it was stopped from the keyboard.
    """
    jobs = sorted((*batch.jobs, *batch.done), key=lambda j: (j.request.line, j.id))
    with _only_one(journal.state):
        # Asked before the work, too; but another batch may have ended here since.
        wrong = problems_with_earlier(jobs, {i: e.sha256 for i, e in journal.done().items()}, batch.file)
        if wrong:
            raise RequestError(wrong)
        sweep(place.folder, of_all_machines=True)
        journal.drop_copies()
        # Wherever it is called from, it is the same file.
        requests = str(Path(batch.file).resolve())
        written_last = (place.folder / TABLE, place.folder / REPORT)
        set_others_aside(journal.state, requests, written_last)
        if place.delivery is not None:
            place.delivery.keep_others(written_last)
        tracker = Tracker(journal.state, requests, len(jobs), os.getpid(), events, nodes, warn)
        started, began = datetime.now(UTC), time.monotonic()
        results: dict[str, RequestResult] = {}

        def watch(p: Progress) -> None:
            tracker.progress(p)
            tell(Told(tracker.state()))

        def ended(job: Job, result: RequestResult) -> None:
            results[job.id] = result
            tracker.result(result, job.output)

        def summary() -> BatchSummary:
            return BatchSummary(
                title=Path(batch.file).name,
                listed=len(jobs),
                results=tuple(results[j.id] for j in jobs if j.id in results),
                started=started,
                finished=datetime.now(UTC),
                wall_seconds=time.monotonic() - began,
                nodes=nodes(),
                version=versions()["redact"],
            )

        carrier = Carrier(
            place, journal, runner, at_once=at_once, watch=watch, happened=tracker.event, ended=ended, stop=stop
        )
        written = began
        try:
            tracker.event("batch started", {"requests": batch.file, "jobs": len(jobs)})
            with closing(carrier.carry_out(batch)) as carried:
                for _, result in carried:
                    tell(Told(tracker.state(), result))
                    if time.monotonic() - written > _WRITE_SECONDS:
                        with suppress(RedactError):  # a full disk now; the next video may find room again
                            _write(place, summary())
                        written = time.monotonic()
            tracker.event("batch finished", {"jobs": len(results)})
        except KeyboardInterrupt:
            tracker.event("batch stopped", {"jobs": len(results)})
            raise Interrupted(
                f"Stopped: {len(results)} of {plural(len(jobs), 'request')} carried out, nothing half-made is left.",
                "Start it again: it goes on where it stopped.",
            ) from None
        finally:
            last = summary()
            _write(place, last)
            tracker.close()
    return last


def _write(place: Place, summary: BatchSummary) -> None:
    for file in (write_summary(place.folder, summary.results), write_report(place.folder, summary)):
        if place.delivery is not None:
            place.delivery.put(file, file.name)


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Refuses to work in a folder in which another batch works. The lock falls with its holder."""
    import fcntl

    with (state.parent / "lock").open("w") as lock:
        # `redact status` holds it for a moment.
        again = Retrying(stop=stop_after_attempt(_TRIES), wait=wait_fixed(_TRY_SECONDS), reraise=True)
        try:
            again(fcntl.flock, lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{str(state.parent.parent)!r}: another batch is working in this folder.",
                "Wait for it (`redact status`), or name another folder.",
            ) from None
        yield


def _is_held(lock: Path) -> bool:
    """Whether a batch works in a folder, by its lock: process numbers mean nothing in another container."""
    import fcntl

    try:
        with lock.open() as f:
            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # where it may not be asked, the state counts
        return True
    except OSError:
        return False
    return False


def batch_state(folder: Path) -> State:
    """How far the batch in ``folder`` is, or was when it stopped. Raises UsageError where there is none."""
    state = read_state(folder / HOME / "status.json")
    return state if _is_held(folder / HOME / "lock") else replace(state, running=False, in_flight=())
