"""Carries a batch out: several videos at a time, each as a single one would be, and no bad one stops the others."""

from __future__ import annotations

import errno
import queue
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redact.batch.by_hand import NOTE, released_by_hand
from redact.batch.jobs import Batch, Job
from redact.batch.journal import Entry, Journal
from redact.batch.places import Delivery, fetched
from redact.batch.requests import request_contents
from redact.batch.results import Evidence, Fate, RequestResult
from redact.batch.standing import (
    check_free,
    check_free_there,
    deliver,
    is_own,
    set_stranger_aside,
    stranger_kept,
)
from redact.errors import Interrupted, RedactError, SourceError, UsageError, VerificationError, WorkerError
from redact.media.file import file_sha256
from redact.media.images import is_image
from redact.outcome import Outcome, Progress, Watcher
from redact.pipeline import run_video
from redact.record import read_record
from redact.scope import EVERYTHING, scope_sentences
from redact.staging import (
    earlier_quarantine,
    output_error,
    plan_path,
    quarantine_folder,
    record_path,
    set_quarantine_aside,
)
from redact.stills import run_still
from redact.video import Runner
from redact.words import earlier_release

Happened = Callable[[str, dict[str, Any]], None]
"""Is told of an event by name, with its details as plain data."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch works and leaves its results: a local folder, and an address to deliver to besides."""

    folder: Path
    """Absolute; need not be there yet."""
    delivery: Delivery | None = None

    @property
    def existing(self) -> Path:
        """The folder, or the nearest one above it that is there."""
        return next(p for p in (self.folder, *self.folder.parents) if p.exists())


class Carrier:
    """Carries out the jobs of a batch on a runner, ``at_once`` of them side by side."""

    def __init__(
        self,
        place: Place,
        journal: Journal,
        runner: Runner,
        *,
        at_once: int,
        watch: Watcher,
        happened: Happened,
        ended: Callable[[Job, RequestResult], None],
        stop: Callable[[], None],
    ) -> None:
        """``ended``: told of each result at once, from any thread. ``stop``: makes the runner end all work at once."""
        self._place, self._journal, self._runner = place, journal, runner
        self._at_once, self._watch, self._happened = at_once, watch, happened
        self._ended, self._stop = ended, stop
        self._stopping = threading.Event()
        self._sources: dict[str, threading.Lock] = {}
        self._left: Counter[str] = Counter()
        self._counts = threading.Lock()

    def carry_out(self, batch: Batch) -> Generator[tuple[Job, RequestResult], None, None]:
        """Yields each job with its result, in the order of the requests, as soon as it and those before are done.

        Jobs that were done before come with the earlier result, unless their source has changed since.
        Closed before its end it stops what is going on; finished segments are kept for the next run.
        """
        earlier = self._journal.done()
        jobs = sorted((*batch.done, *batch.jobs), key=lambda j: (j.request.line, j.id))
        for j in jobs:
            self._left[j.source.location] += 1
            self._sources.setdefault(j.source.location, threading.Lock())
        waiting: queue.Queue[tuple[Job, Future[RequestResult]] | None] = queue.Queue(2 * self._at_once)
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="video") as pool:

            def feed() -> None:
                # A bounded queue: a batch of ten thousand requests is no ten thousand open videos.
                for j in jobs:
                    if self._stopping.is_set():
                        break
                    waiting.put((j, pool.submit(self._one, j, earlier.get(j.id))))
                waiting.put(None)

            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            whole = False
            try:
                while (item := waiting.get()) is not None:
                    job, future = item
                    yield job, future.result()
                whole = True
            finally:
                self._stopping.set()
                if not whole:
                    self._stop()
                while feeder.is_alive() or not waiting.empty():
                    try:
                        left = waiting.get(timeout=0.1)
                    except queue.Empty:
                        continue
                    if left is not None:
                        left[1].cancel()

    def _one(self, job: Job, earlier: Entry | None) -> RequestResult:
        # One request of a source at a time: the next finds its copy here, and what was found in it already.
        with self._sources[job.source.location]:
            if earlier is not None and self._still_there(job, earlier):
                result = self._outcome(job, lambda: self._kept(job, earlier))
                if result.fate is Fate.RELEASED:
                    self._happened("skipped", {"id": job.id})
                else:
                    self._told_of(job, result)
            else:
                self._happened("started", {"id": job.id, "source": job.source.listed})
                began = time.monotonic()
                result = replace(self._carried(job, earlier), wall_seconds=time.monotonic() - began)
                self._told_of(job, result)
        self._finished_with(job)
        self._ended(job, result)
        return result

    def _told_of(self, job: Job, result: RequestResult) -> None:
        details = {"id": job.id, "fate": str(result.fate), "reason": result.reason, "frames": result.frames}
        self._happened("finished", details | {"seconds": round(result.wall_seconds, 3)})

    def _still_there(self, job: Job, earlier: Entry) -> bool:
        """Whether an earlier release is whole, of the same request and of the same source."""
        output = self._place.folder / job.output
        if earlier.sha256 != job.sha256:
            return False
        try:
            source = fetched(job.source.location, self._journal.scratch(job.source.location), self._check_going_on)
            if not (output.is_file() and plan_path(output).is_file()):
                return False
            recorded = read_record(record_path(output)).output_sha256
            same = self._runner.map(file_sha256, [(source,), (output,)])
            return next(same) == earlier.source_sha256 and next(same) == recorded == (earlier.output_sha256 or recorded)
        except (OSError, RedactError):
            return False

    def _kept(self, job: Job, earlier: Entry) -> RequestResult:
        """The result of an earlier release that is whole; at an address it is made so, too. Raises UsageError."""
        output = self._place.folder / job.output
        aside = earlier_quarantine(output)
        set_quarantine_aside(output)  # of a run in between, when the source was another
        return self._delivered(job, output, aside, earlier.result, earlier)

    def _finished_with(self, job: Job) -> None:
        """Findings of a source are kept until its last request is done."""
        with self._counts:
            self._left[job.source.location] -= 1
            last = not self._left[job.source.location]
        if last:
            self._journal.drop(job.source.location)

    def _carried(self, job: Job, earlier: Entry | None) -> RequestResult:
        output = self._place.folder / job.output
        before, aside = _inode(output), list[str]()
        result = self._outcome(job, lambda: self._attempt(job, output, blank_of(job), earlier, aside))
        if result.fate is not Fate.RELEASED:
            result = replace(result, reason=" ".join((result.reason, *aside)))
            if before and _inode(output) == before and is_own(job, record_path(output)):
                # The report names what is not released: who looks for it in the folder must not take this for it.
                result = replace(result, reason=f"{result.reason} {earlier_release(job.output)}")
        self._journal.drop(job.source.location, "shown-*")
        return result

    def _outcome(self, job: Job, attempt: Callable[[], RequestResult]) -> RequestResult:
        """What became of a job, whatever went wrong. Raises Interrupted where the batch was stopped meanwhile."""
        output, blank = self._place.folder / job.output, blank_of(job)
        try:
            return attempt()
        except Interrupted:
            self._happened("stopped", {"id": job.id})
            raise
        except WorkerError as e:
            return replace(blank, fate=Fate.QUARANTINED, reason=e.message)
        except RedactError as e:
            return replace(blank, reason=str(e))
        except OSError as e:
            if e.errno in (errno.ENOSPC, errno.EDQUOT):
                return replace(blank, reason=str(output_error(output, e)))
            error = SourceError(f"{job.source.listed!r}: cannot be read: {e.strerror or e}.")
            return replace(blank, reason=str(error))
        except Exception as e:  # noqa: BLE001 - a defect that one video brings to light must not stop the others
            self._happened("defect", {"id": job.id, "trace": traceback.format_exc()})
            return replace(blank, fate=Fate.QUARANTINED, reason=f"A defect in redact: {type(e).__name__}: {e}")

    def _attempt(
        self, job: Job, output: Path, blank: RequestResult, earlier: Entry | None, set_aside: list[str]
    ) -> RequestResult:
        """Releases and delivers, or delivers what is in quarantine. Raises RedactError of some kind, or OSError.

        Adds to ``set_aside`` what is to be said of a file that was, however the attempt ends.
        What a person released of the corrected plan of an earlier quarantine is not made again.
        """
        if self._place.delivery is not None:
            check_free_there(job, output, self._place.delivery, earlier.output_sha256 if earlier else "")
        aside = earlier_quarantine(output)
        scratch = self._journal.scratch(job.source.location)
        source = fetched(job.source.location, scratch, self._check_going_on)
        by_hand = released_by_hand(job, source, output, blank, self._runner)
        if by_hand is not None:
            self._journal.remember(job, by_hand.source_sha256, by_hand.output_sha256, by_hand.result)
            return self._delivered(job, output, by_hand.quarantine, by_hand.result, earlier)
        force = self._may_replace(job, output, earlier, set_aside)
        try:
            outcome = self._redact(job, source, output, scratch, force=force)
        except VerificationError as e:
            return self._quarantined(replace(blank, fate=Fate.QUARANTINED, reason=e.message), output, aside)
        made = _released(blank, outcome, job.output)
        result = replace(made, notes=(*made.notes, *set_aside))
        # The source that the release was made of: the file may be another by now.
        known = read_record(outcome.record)
        # Before it is delivered: where that fails, the next run has nothing to do but this.
        self._journal.remember(job, known.source_sha256, known.output_sha256, result)
        return self._delivered(job, output, aside, result, earlier)

    def _may_replace(self, job: Job, output: Path, earlier: Entry | None, set_aside: list[str]) -> bool:
        """Whether what lies at an output is the request's own, or nothing; what is not its record's is set aside.

        Raises UsageError where something of another lies there.
        """
        if is_own(job, record_path(output)):
            if output.is_file() and not self._is_known(output, read_record(record_path(output)).output_sha256):
                name = set_stranger_aside(output)
                set_aside.append(stranger_kept(job.output, name))
                self._happened("set aside", {"id": job.id, "file": job.output, "as": name})
            return True
        # A release that has lost its record is known by the journal. What a person made is not made again.
        lost = earlier is not None and NOTE not in earlier.result.notes and not record_path(output).exists()
        if lost and earlier and output.is_file() and self._is_known(output, earlier.output_sha256):
            return True
        check_free(output)
        return False

    def _is_known(self, output: Path, sha256: str) -> bool:
        return next(self._runner.map(file_sha256, [(output,)])) == sha256

    def _check_going_on(self) -> None:
        if self._stopping.is_set():
            raise Interrupted("Stopped.")

    def _quarantined(self, result: RequestResult, output: Path, aside: Path) -> RequestResult:
        """The result with what lies in quarantine, which is delivered, too."""
        folder = quarantine_folder(output)
        if not folder.is_dir():
            return result
        pictures = tuple(Evidence(p, f"Frame {int(p.stem[-8:])}") for p in sorted(folder.glob("frame-*.png")))
        result = replace(result, quarantine=folder.name, evidence=pictures)
        if self._place.delivery is None:
            return result
        try:
            self._set_aside(output, aside)
            self._place.delivery.put_folder(folder, folder.name)
        except UsageError as e:  # the reason why nothing was released counts more
            return replace(result, reason=f"{result.reason} {e}")
        return result

    def _redact(self, job: Job, source: Path, output: Path, scratch: Path, *, force: bool) -> Outcome:
        request = request_contents(job.request) | {"id": job.id, "sha256": job.sha256}
        if is_image(source):
            if job.request.scope != EVERYTHING:
                raise UsageError(
                    f"{job.source.listed!r}: a still picture has no parts, sound or zones by time.",
                    "Leave start, end, mute and zones empty.",
                )
            return run_still(source, output, job.policy, force=force, request=request)

        def watch(p: Progress) -> None:
            self._watch(replace(p, file=Path(job.output)))

        return run_video(
            source,
            output,
            job.policy,
            self._runner,
            force=force,
            scope=job.request.scope,
            watch=watch,
            request=request,
            scratch=scratch,
        )

    def _set_aside(self, output: Path, aside: Path) -> None:
        """A quarantine that was set aside here is so where it was delivered to, under the same name."""
        if self._place.delivery is not None and aside.exists():
            self._place.delivery.rename(quarantine_folder(output).name, aside.name)

    def _delivered(
        self, job: Job, output: Path, aside: Path, result: RequestResult, earlier: Entry | None
    ) -> RequestResult:
        """The result, after its release was delivered: all that does not lie there yet. ``aside``: a quarantine.

        Raises UsageError where it could not be; then the release lies in the folder of the batch.
        """
        there = self._place.delivery
        if there is None:
            return result
        try:
            name = deliver(job, output, there, earlier.output_sha256 if earlier else "")
            self._set_aside(output, aside)
        except UsageError as e:
            finished = f"The release is finished and verified here: {str(output)!r}."
            raise type(e)(f"{e.message} {finished}", e.remedy) from None
        if name:
            self._happened("set aside", {"id": job.id, "file": f"{there.address}/{job.output}", "as": name})
            return replace(result, notes=(*result.notes, stranger_kept(f"{there.address}/{job.output}", name)))
        return result


def _inode(output: Path) -> tuple[int, int] | None:
    """What tells a file from another that took its name; None where none is there."""
    try:
        found = output.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def blank_of(job: Job) -> RequestResult:
    """What is told of a request before anything became of it: what it asks for, for whom and why."""
    return RequestResult(
        id=job.id,
        source=job.source.listed,
        fate=Fate.REFUSED,
        operator=job.request.operator,
        purpose=job.request.purpose,
        legal_basis=job.request.legal_basis,
        requester=job.request.requester,
        scope=scope_sentences(job.request.scope),
    )


def _released(blank: RequestResult, outcome: Outcome, output: str) -> RequestResult:
    return replace(
        blank,
        fate=Fate.RELEASED,
        output=output,
        faces=outcome.tracks.get("face", 0),
        plates=outcome.tracks.get("plate", 0),
        zones=outcome.tracks.get("zone", 0),
        frames=outcome.frames,
        obscured_frames=outcome.obscured_frames,
        black_frames=outcome.black_frames,
        video_seconds=outcome.seconds,
        record=record_path(Path(output)).name,
        notes=outcome.notes,
    )
