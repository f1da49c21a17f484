"""Runs segments in processes of this machine. Starts in a second; a crash of one costs the job, not the caller."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from redact.errors import WorkerError

T = TypeVar("T")


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _start_worker() -> None:
    import cv2

    cv2.setNumThreads(1)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C for life, from their first instruction on.

    A terminal sends it to all of them; the driver alone decides what it means.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set signals, and only it gets them
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class LocalRunner:
    """A pool of worker processes; use it as a context manager, for any number of videos."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> LocalRunner:
        # spawn: a forked worker would inherit the state of the driver's decoder and inference threads.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_start_worker)
        with _deaf_to_ctrl_c():
            for _ in range(self.workers):  # each submission starts a process
                self._pool.submit(int)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._pool is not None
        if kind is not None:
            # Nothing that runs now will be used; waiting for it would make Ctrl-C take a minute.
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """Calls ``function(*job)`` for each job on some worker; yields results in the order of the jobs.

        At most two jobs per worker are in flight, so that memory does not grow with their number.
        Raises what the function raised, and WorkerError where a worker died.
        """
        assert self._pool is not None, "use the runner as a context manager"
        flight: deque[Future[T]] = deque()
        remaining = iter(jobs)
        try:
            while True:
                while len(flight) < 2 * self.workers:
                    job = next(remaining, None)
                    if job is None:
                        break
                    flight.append(self._pool.submit(function, *job))
                if not flight:
                    return
                yield flight.popleft().result()
        except BrokenProcessPool:
            raise WorkerError(
                "A worker process died (killed, or out of memory).",
                "Run again, with fewer --workers if memory is short.",
            ) from None
        finally:
            for f in flight:
                f.cancel()
