"""Runs segments on a Ray cluster. The only file that knows Ray's tasks and actors.

What crosses the network is an excerpt of a table and a few numbers; frames never do. Looking for
faces and plates goes to actors that hold a share of a GPU where the cluster has any; everything
else, and all of it on a cluster without GPUs, is tasks on CPU cores.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, TypeVar
from uuid import uuid4

import ray as _ray
from ray.exceptions import (
    GetTimeoutError,
    ObjectStoreFullError,
    OutOfDiskError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    TaskUnschedulableError,
)
from ray.experimental import internal_kv

from redact.errors import Interrupted, SpaceError, UsageError, WorkerError
from redact.record import code_sha256, versions
from redact.run.metrics import note_gpu_memory
from redact.run.session import RETRIES, session

ray: Any = _ray  # its functions carry no types
T = TypeVar("T")

_WITHDRAWN = b"redact-withdrawn"  # what of the cluster's store tells that nobody waits for a map's work any more
GPU_SHARE = 0.25  # four decoders and detectors on one GPU: one alone leaves it idle while it decodes
_LOOK_AGAIN = 2.0  # seconds between two looks at which nodes there are
_GPU_PATIENCE = 60.0  # seconds that a batch waits for GPUs at its start, before it goes on without them
_GPU_TRIES = 2  # deaths of GPU actors under a piece of work before it is done where it can harm nothing else

Code = tuple[str, tuple[tuple[str, str], ...]]
"""Digest of redact's code, and versions of the libraries that matter."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node of the cluster: its name and what of it the cluster may use."""

    name: str
    cpus: float
    gpus: float


def _who() -> Code:
    """Which code this process runs."""
    return _ours()


@cache
def _ours() -> Code:
    # Read once: files that are replaced under a running process are not what it runs.
    return code_sha256(), tuple(sorted(versions().items()))


def _call(code: Code, ticket: str, function: Callable[..., T], *job: Any) -> T | None:
    """Does a piece of work, where this process runs the driver's code, unless its ``ticket`` was withdrawn.

    Asked each time: nodes come and go while a batch runs, and the record names one code for all.
    """
    import cv2

    if internal_kv._internal_kv_exists(ticket, namespace=_WITHDRAWN):
        return None
    if _who() != code:
        raise UsageError(
            f"A node of the cluster runs another version than the driver: {_differences(_who(), code)}.",
            "Install the same versions on all nodes and run again; finished segments are kept.",
        )
    cv2.setNumThreads(1)
    return function(*job)


def _differences(theirs: Code, ours: Code) -> str:
    different = sorted(set(dict(theirs[1]).items()) ^ set(dict(ours[1]).items()))
    return ", ".join(f"{k} {v}" for k, v in different) or "redact's code"


class _Looker:
    """An actor that holds a share of a GPU and keeps its detectors loaded.

    It claims no core: if lookers held all cores of their node, nothing could be rendered there.
    """

    def ready(self) -> None:
        """Returns once it is there."""

    def call(self, code: Code, ticket: str, function: Callable[..., T], *job: Any) -> T | None:
        result = _call(code, ticket, function, *job)
        note_gpu_memory()
        return result


@dataclass(slots=True, eq=False)
class _Seat:
    """A looker as the driver sees it: whether it has its share of a GPU yet, how many pieces of work wait there."""

    actor: Any
    answer: Any
    ready: bool = False
    load: int = 0


@dataclass(slots=True, eq=False)
class _Flying:
    """A piece of work that was handed to the cluster. ``ticket``: of the map that it is part of; ``seat``: the
    looker that has it, None for a task.
    """

    ticket: str
    function: Callable[..., Any]
    job: tuple[Any, ...]
    seat: _Seat | None = None
    waiting: Any = None
    deaths: int = 0


class ClusterRunner:
    """Work on a Ray cluster; use it as a context manager, from any number of threads."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stack = ExitStack()
        self._task: Any = None
        self._seats: list[_Seat] = []
        self._lock = threading.Lock()
        self._running = 0
        self._stopped = False
        self._cores = 1
        self._looked = -_LOOK_AGAIN

    def __enter__(self) -> ClusterRunner:
        with ExitStack() as stack:
            stack.enter_context(session(self._address))
            self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)
            self._check_code()
            self._look_around()
            self._await_lookers()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def stop(self) -> None:
        """Makes each map that is going on, in any thread, leave its work and raise Interrupted within seconds."""
        self._stopped = True

    @property
    def workers(self) -> int:
        """How many pieces of work the cluster does at a time."""
        self._look_around()
        return self._cores

    def nodes(self) -> list[NodeInfo]:
        """The nodes that are alive now."""
        return [
            NodeInfo(n["NodeManagerHostname"], n["Resources"].get("CPU", 0.0), n["Resources"].get("GPU", 0.0))
            for n in ray.nodes()
            if n["Alive"]
        ]

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """Calls ``function(*job)`` for each job on some worker; yields results in the order of the jobs.

        At most two jobs per core and GPU actor are in flight, all callers together, and one more for each caller:
        a thousand videos need no more than ten. Work whose worker or node dies is done again
        elsewhere; raises WorkerError where that happens more than RETRIES times, SpaceError where
        the cluster's memory for results or its disks are full, and what the function raised. Work that waits for a
        worker when the map ends early is not done any more; what is being done goes on to its end.
        """
        flight: deque[_Flying] = deque()
        ticket = uuid4().hex
        remaining = iter(jobs)
        try:
            while True:
                while self._may_start(bool(flight)):
                    job = next(remaining, None)
                    if job is None:
                        break
                    flight.append(self._start(_Flying(ticket, function, job)))
                if not flight:
                    return
                result = self._result(flight[0])
                self._landed(flight.popleft())
                yield result
        finally:
            if flight and ray.is_initialized():  # else this map outlived its cluster, and so did nothing of it
                # Not by ray.cancel: where that crosses the answer of a task on its way, Ray aborts the driver.
                internal_kv._internal_kv_put(ticket, b"", namespace=_WITHDRAWN)
            for f in flight:
                self._landed(f)

    def _may_start(self, one_flies: bool) -> bool:
        return not one_flies or self._running < 2 * (self.workers + len(self._seats))

    def _start(self, f: _Flying) -> _Flying:
        self._hand_over(f)
        with self._lock:
            self._running += 1
        return f

    def _landed(self, f: _Flying) -> None:
        with self._lock:
            self._running -= 1
            if f.seat is not None:
                f.seat.load -= 1

    def _hand_over(self, f: _Flying) -> None:
        with self._lock:
            if f.seat is not None:
                f.seat.load -= 1
            f.seat = None
            free = [s for s in self._seats if s.ready]
            if f.function.__name__ == "analyse" and free and f.deaths < _GPU_TRIES:
                f.seat = min(free, key=lambda s: s.load)
                f.seat.load += 1
        # The name shows in Ray's dashboard and as the title of the worker's process.
        work = self._task if f.seat is None else f.seat.actor.call
        f.waiting = work.options(name=f.function.__name__).remote(_who(), f.ticket, f.function, *f.job)

    def _result(self, f: _Flying) -> Any:
        while True:
            if self._stopped:
                raise Interrupted("Stopped.")
            try:
                return ray.get(f.waiting, timeout=_LOOK_AGAIN)
            except GetTimeoutError:
                self._look_around()  # a looker whose node is gone would be waited for for ever
            except RayTaskError as e:
                if isinstance(e.cause, (ObjectStoreFullError, OutOfDiskError)):
                    raise _full() from None
                if isinstance(e.cause, Exception):
                    raise e.cause from None
                raise WorkerError(f"A worker failed: {e}.", "Run again.") from None
            except (ObjectStoreFullError, OutOfDiskError):
                raise _full() from None
            except RayError as e:
                if f.seat is None or not isinstance(e, RayActorError):
                    raise _dead(e) from None
                # All that waited at this looker died with it, and most of that is innocent.
                f.deaths += 1
                self._hand_over(f)

    def _check_code(self) -> None:
        """Refuses a cluster of which any node runs other code or library versions than the driver."""
        ask = ray.remote(num_cpus=0, max_retries=RETRIES)(_who)
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        nodes = [n for n in ray.nodes() if n["Alive"]]
        answers = [ask.options(scheduling_strategy=strategy(n["NodeID"], soft=False)).remote() for n in nodes]
        for node, waiting in zip(nodes, answers, strict=True):
            name = node["NodeManagerHostname"]
            try:
                theirs = ray.get(waiting)
            except RayTaskError as e:
                raise UsageError(
                    f"The node {name} cannot run redact: {e.cause}.", "Install the same version on all nodes."
                ) from None
            except TaskUnschedulableError:
                continue  # the node is gone since; whoever joins later is asked with its first piece of work
            except RayError as e:
                raise UsageError(
                    f"The node {name} does not answer: {_first_line(e)}", "Look at the node, or take it out."
                ) from None
            if theirs != _who():
                raise UsageError(
                    f"The node {name} runs another version than this machine: {_differences(theirs, _who())}.",
                    "Install the same versions on all nodes.",
                )

    def _look_around(self) -> None:
        """Counts cores and GPUs again, at most every few seconds, and keeps a looker on each share of a GPU."""
        with self._lock:
            if time.monotonic() - self._looked < _LOOK_AGAIN:
                return
            self._looked = time.monotonic()
            nodes = self.nodes()
            self._cores = max(1, int(sum(n.cpus for n in nodes)))
            wanted = sum(int(n.gpus / GPU_SHARE) for n in nodes)
            if wanted < len(self._seats):
                # Which of them had a place on the nodes that are gone is not known: begin anew with all.
                for seat in self._seats:
                    ray.kill(seat.actor)
                self._seats = []
            looker = ray.remote(num_gpus=GPU_SHARE, num_cpus=0, max_restarts=-1)(_Looker)
            for _ in range(wanted - len(self._seats)):
                actor = looker.remote()
                self._seats.append(_Seat(actor, actor.ready.remote()))
            self._greet(0)

    def _greet(self, seconds: float) -> None:
        """Notes which lookers have their GPU: somebody else on the cluster may hold it."""
        waiting = {s.answer: s for s in self._seats if not s.ready}
        if waiting:
            done, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=seconds)
            for answer in done:
                waiting[answer].ready = True

    def _await_lookers(self) -> None:
        # Else the first videos would be looked at by CPUs and the others by GPUs.
        with self._lock:
            self._greet(_GPU_PATIENCE)


def _full() -> SpaceError:
    return SpaceError(
        "The cluster's object store and the disk behind it are full.", "Free some space on its nodes and run again."
    )


def _dead(e: RayError) -> WorkerError | UsageError:
    if isinstance(e, RuntimeEnvSetupError):
        return UsageError(f"A node of the cluster cannot start workers: {_first_line(e)}", "Look at the node.")
    if isinstance(e, OutOfMemoryError):
        return WorkerError(
            f"A piece of work ran its node out of memory {RETRIES + 1} times.",
            "Give the nodes more memory, or fewer CPUs to Ray; finished segments are kept for the next run.",
        )
    return WorkerError(
        f"A piece of work killed its worker {RETRIES + 1} times or its nodes are gone ({_first_line(e)})",
        "Look at the source, and at the memory of the nodes; finished segments are kept for the next run.",
    )


def _first_line(e: RayError) -> str:
    lines = str(e).strip().splitlines()
    return lines[0] if lines else type(e).__name__
