"""Runs segments in processes of this machine. Starts in a second; a crash of one costs a second try."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from redact.errors import Interrupted, WorkerError
from redact.run.script import check_script, check_workers

T = TypeVar("T")


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _start_worker() -> None:
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_the_driver, daemon=True).start()


def _end_with_the_driver() -> None:
    """Ends this worker when its driver is killed: nobody else would, and it would keep its memory for ever."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile take no notice of Ctrl-C for life, from their first instruction on.

    A terminal sends it to all of them; the driver alone decides what it means. What comes meanwhile waits, and is
    heard at the end: were it ignored here, it would be lost, and the work would go on.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes inherit what is blocked
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_TRIES = 3  # at a piece of work, and at pools to give it to


class LocalRunner:
    """A pool of worker processes; use it as a context manager, for any number of videos, from any thread.

    In a script, below ``if __name__ == "__main__":``; raises UsageError elsewhere.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        self._pool: ProcessPoolExecutor | None = None
        self._lone: ProcessPoolExecutor | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._alone = threading.Lock()

    def __enter__(self) -> LocalRunner:
        check_script()
        self._pool = _start_pool(self.workers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._pool is not None
        if kind is not None:
            self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """Ends all work at once: each map that is going on, in whichever thread, raises Interrupted, as does a new one.

        Nothing that runs now will be used; waiting for it would make Ctrl-C take a minute.
        """
        with self._lock:
            self._stopped = True
            pools = [p for p in (self._pool, self._lone) if p is not None]
        for pool in pools:
            for process in list((pool._processes or {}).values()):
                process.terminate()

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """Calls ``function(*job)`` for each job on some worker; yields results in the order of the jobs.

        At most two jobs per worker are in flight, so that memory does not grow with their number. A
        job whose worker died is done again; raises WorkerError where one kills its worker each time,
        and what the function raised.
        """
        flight: deque[_Flying[T]] = deque()
        remaining = iter(jobs)
        try:
            while True:
                while len(flight) < 2 * self.workers:
                    job = next(remaining, None)
                    if job is None:
                        break
                    flight.append(self._submit(function, job))
                if not flight:
                    return
                yield self._result(flight.popleft())
        finally:
            for f in flight:
                _give_up(f.future)

    def _submit(self, function: Callable[..., T], job: tuple[Any, ...]) -> _Flying[T]:
        for _ in range(_TRIES):
            with self._lock:
                self._check_going_on()
                pool = self._pool
            assert pool is not None, "use the runner as a context manager"
            with suppress(BrokenProcessPool):
                return _Flying(function, job, pool, _hand(pool, function, *job))
            self._replace(pool)
        raise WorkerError(
            f"Worker processes died {_TRIES} times as soon as they were started (killed, or out of memory).",
            "Run again, with fewer --workers if memory is short.",
        )

    def _result(self, flying: _Flying[T]) -> T:
        with suppress(BrokenProcessPool):
            return flying.future.result()
        self._replace(flying.pool)
        # One process that dies takes all jobs of the pool with it, so this one may be innocent.
        again = self._submit(flying.function, flying.job)
        with suppress(BrokenProcessPool):
            return again.future.result()
        self._replace(again.pool)
        return self._by_itself(flying)

    def _by_itself(self, flying: _Flying[T]) -> T:
        """The third try, in a process that nothing else uses: if that dies too, this job is the reason."""
        with self._alone:
            with self._lock:
                self._check_going_on()
                pool = self._lone = _start_pool(1)
            try:
                return _hand(pool, flying.function, *flying.job).result()
            except BrokenProcessPool:
                self._check_going_on()
                raise WorkerError(
                    "A worker process died three times over the same piece of work (killed, or out of memory).",
                    "Run again, with fewer --workers if memory is short.",
                ) from None
            finally:
                self._lone = None
                pool.shutdown(wait=True, cancel_futures=True)

    def _check_going_on(self) -> None:
        if self._stopped:
            raise Interrupted("Stopped.")

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        """Starts a new pool for one that broke, unless another thread has done so. Raises Interrupted."""
        with self._lock:
            self._check_going_on()
            if self._pool is broken:
                check_workers((broken._processes or {}).values())
                broken.shutdown(wait=False, cancel_futures=True)
                self._pool = _start_pool(self.workers)


@dataclass(frozen=True, slots=True)
class _Flying(Generic[T]):
    """A job that was handed to a pool."""

    function: Callable[..., T]
    job: tuple[Any, ...]
    pool: ProcessPoolExecutor
    future: Future[T]


def _start_pool(workers: int) -> ProcessPoolExecutor:
    # spawn: a forked worker would inherit the state of the driver's decoder and inference threads.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)
    # One may be killed before all are started; whoever hands the pool work is told and starts another.
    with _deaf_to_ctrl_c(), suppress(BrokenProcessPool):
        for _ in range(workers):  # each submission starts a process
            _hand(pool, int)
    return pool


def _give_up(future: Future[Any]) -> None:
    """Cancels a job that nobody waits for any more.

    A pool that breaks tells all its jobs so. A cancelled one raises at that, and the thread that tells them dies
    with a traceback: python/cpython#108974, which not every Python 3.11 has. So this one takes no notice.
    """
    setattr(future, "set_exception", lambda _: None)  # noqa: B010 - a plain assignment is no valid type
    future.cancel()


def _hand(pool: ProcessPoolExecutor, function: Callable[..., T], *job: Any) -> Future[T]:
    """``pool.submit``; raises BrokenProcessPool for a pool that is breaking, too.

    A pool whose worker was killed closes its pipes before it says that it is broken. Who submits in
    between starts a process on a closed pipe: OSError. (Arguments are pickled later, in another thread.)
    """
    try:
        return pool.submit(function, *job)
    except OSError as e:
        raise BrokenProcessPool(f"A worker process could not be started: {e}.") from e
