"""Runs segments on a Ray cluster. The only file that knows Ray's tasks and actors.

What crosses the network is an excerpt of a table and a few numbers; frames never do. Looking for
faces and plates goes to actors that hold a share of a GPU where the cluster has any; everything
else, and all of it on a cluster without GPUs, is tasks on CPU cores.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import ray as _ray
from ray.exceptions import (
    ObjectStoreFullError,
    OutOfDiskError,
    RayActorError,
    RayError,
    RayTaskError,
)

from redact.errors import SpaceError, UsageError, WorkerError
from redact.record import code_sha256, versions
from redact.run.session import session

ray: Any = _ray  # its functions carry no types
T = TypeVar("T")

GPU_SHARE = 0.25  # four decoders and detectors on one GPU: one alone leaves it idle while it decodes
RETRIES = 3  # of a piece of work whose worker or node died; then it is the work that kills workers


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node of the cluster: its name and what of it the cluster may use."""

    name: str
    cpus: float
    gpus: float


def _call(function: Callable[..., T], *job: Any) -> T:
    import cv2

    cv2.setNumThreads(1)
    return function(*job)


def _who() -> tuple[str, tuple[tuple[str, str], ...]]:
    """Which code a worker runs."""
    return code_sha256(), tuple(sorted(versions().items()))


class _Looker:
    """An actor that holds a share of a GPU and keeps its detectors loaded."""

    def call(self, function: Callable[..., T], *job: Any) -> T:
        return _call(function, *job)


class ClusterRunner:
    """Work on a Ray cluster; use it as a context manager, from any number of threads."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stack = ExitStack()
        self._task: Any = None
        self._lookers: list[Any] = []
        self._load: list[int] = []
        self._lock = threading.Lock()

    def __enter__(self) -> ClusterRunner:
        with ExitStack() as stack:
            stack.enter_context(session(self._address))
            self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)
            self._check_code()
            self._start_lookers()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def workers(self) -> int:
        """How many pieces of work the cluster does at a time."""
        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def nodes(self) -> list[NodeInfo]:
        """The nodes that are alive now."""
        return [
            NodeInfo(n["NodeManagerHostname"], n["Resources"].get("CPU", 0.0), n["Resources"].get("GPU", 0.0))
            for n in ray.nodes()
            if n["Alive"]
        ]

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """Calls ``function(*job)`` for each job on some worker; yields results in the order of the jobs.

        At most two jobs per core are in flight. Work whose worker or node dies is done again
        elsewhere; raises WorkerError where that happens more than RETRIES times, SpaceError where the
        cluster's memory for results or its disks are full, and what the function raised.
        """
        flight: deque[Any] = deque()
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
            for waiting in flight:
                ray.cancel(waiting, force=False)

    def _submit(self, function: Callable[..., T], job: tuple[Any, ...]) -> Any:
        if function.__name__ != "analyse" or not self._lookers:
            return self._task.remote(function, *job)
        with self._lock:
            i = min(range(len(self._lookers)), key=self._load.__getitem__)
            self._load[i] += 1
        return self._lookers[i].call.remote(function, *job)

    @staticmethod
    def _result(waiting: Any) -> Any:
        try:
            return ray.get(waiting)
        except RayTaskError as e:
            if isinstance(e.cause, Exception):
                raise e.cause from None
            raise WorkerError(f"A worker failed: {e}.", "Run again.") from None
        except (ObjectStoreFullError, OutOfDiskError):
            raise SpaceError(
                "The cluster's object store or scratch disk is full.", "Free some space on its nodes and run again."
            ) from None
        except (RayActorError, RayError) as e:
            first = str(e).strip().splitlines()[0]
            raise WorkerError(
                f"A piece of work killed its worker {RETRIES + 1} times or its nodes are gone ({first})",
                "Look at the source, and at the memory of the nodes; finished segments are kept for the next run.",
            ) from None

    def _check_code(self) -> None:
        """Refuses a cluster of which any node runs other code or library versions than the driver."""
        ours = _who()
        ask = ray.remote(num_cpus=0, max_retries=RETRIES)(_who)
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        nodes = [n for n in ray.nodes() if n["Alive"]]
        answers = [ask.options(scheduling_strategy=strategy(n["NodeID"], soft=False)).remote() for n in nodes]
        for node, waiting in zip(nodes, answers, strict=True):
            try:
                theirs = ray.get(waiting)
            except RayTaskError as e:
                raise UsageError(
                    f"The node {node['NodeManagerHostname']} cannot run redact: {e.cause}.",
                    "Install the same version on all nodes.",
                ) from None
            if theirs != ours:
                different = sorted(set(dict(theirs[1]).items()) ^ set(dict(ours[1]).items()))
                what = ", ".join(f"{k} {v}" for k, v in different) or "redact's code"
                raise UsageError(
                    f"The node {node['NodeManagerHostname']} runs another version than this machine: {what}.",
                    "Install the same versions on all nodes.",
                )

    def _start_lookers(self) -> None:
        gpus = sum(n.gpus for n in self.nodes())
        count = int(gpus / GPU_SHARE)
        looker = ray.remote(num_gpus=GPU_SHARE, num_cpus=1, max_restarts=-1, max_task_retries=RETRIES)(_Looker)
        self._lookers = [looker.remote() for _ in range(count)]
        self._load = [0] * count
