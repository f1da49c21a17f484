"""How fast a cluster of a given kind would be: a model of measured costs, and where it first gets narrow. Pure but
for ``timed``, which measures a piece of work where it is done.

Work is shared out in pieces of some seconds, so cores add up; what does not is the driver, which hands out
pieces, and the storage that all nodes read from and write to.
"""

from __future__ import annotations

import pickle
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from redact.errors import UsageError
from redact.video import Runner

T = TypeVar("T")

STAGES = {
    "probe": ("open_video", "file_sha256", "listen"),
    "plan": ("analyse",),
    "decide": ("make_plan",),
    "render": ("take_levels", "render", "mux"),
    "verify": ("check_stretch", "inspect"),
}
GPU_STAGE = "plan"


@dataclass(frozen=True, slots=True)
class Spent:
    """What a piece of work took: seconds of CPU, its child processes included, and seconds by the clock."""

    cpu: float
    wall: float


def cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def timed(function: Callable[..., T], *job: Any) -> tuple[T, Spent]:
    """Does a piece of work and says what it took."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = function(*job)
    return result, Spent(cpu_seconds() - cpu, time.perf_counter() - wall)


class Meter:
    """A runner that measures what it hands to another: costs by function, pieces, and bytes that cross."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self.pieces = 0
        self.bytes = 0
        self.counting_seconds = 0.0
        """CPU seconds that this meter itself cost the driver."""

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """As the runner does."""
        name = function.__name__

        def wrapped() -> Iterator[tuple[Any, ...]]:
            for job in jobs:
                self._count(job)
                yield (function, *job)

        for result, spent in self._runner.map(_named(name), wrapped()):
            self._count(result)
            with self._lock:
                self.cpu[name] += spent.cpu
                self.wall[name] += spent.wall
                self.pieces += 1
            yield result

    def _count(self, value: Any) -> None:
        began = time.thread_time()
        size = len(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        with self._lock:
            self.bytes += size
            self.counting_seconds += time.thread_time() - began

    def by_stage(self, seconds: Mapping[str, float]) -> dict[str, float]:
        """Costs by stage; a function that no stage names is an error."""
        known = {f: stage for stage, functions in STAGES.items() for f in functions}
        total = dict.fromkeys(STAGES, 0.0)
        for name, spent in seconds.items():
            total[known[name]] += spent
        return total


def _named(name: str) -> Callable[..., Any]:
    """``timed`` for looks at segments goes to GPUs like what it times: runners go by the name."""
    return analyse if name == "analyse" else timed


def analyse(function: Callable[..., T], *job: Any) -> tuple[T, Spent]:
    """``timed`` under the name by which runners know what belongs on a GPU."""
    return timed(function, *job)


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs of one second of footage.

    ``cpu``: core seconds by stage. ``gpu_wall``: seconds that one share of a GPU is held by looking; 0 where a
    CPU looked. ``driver``: core seconds of the driver. ``moved``: bytes read from and written to storage.
    """

    cpu: dict[str, float]
    gpu_wall: float
    driver: float
    moved: float

    @property
    def all_cpu(self) -> float:
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class NodeKind:
    """A kind of node: cores and GPUs, and how many lookers share a GPU."""

    cores: float
    gpus: float = 0.0
    lookers_per_gpu: int = 4


@dataclass(frozen=True, slots=True)
class Prediction:
    """Hours of footage in an hour for a number of nodes, and what would have to be widened first."""

    nodes: int
    hours_per_hour: float
    bottleneck: str


def predict(costs: Costs, kind: NodeKind, nodes: int, storage: float = 0.0) -> Prediction:
    """What ``nodes`` of a kind would do. ``storage``: bytes a second that all nodes get together; 0: no limit.

    Raises UsageError for GPU nodes where costs were measured without one.
    """
    limits = {}
    cpu = costs.all_cpu
    if kind.gpus:
        if not costs.gpu_wall:
            raise UsageError(
                "The costs were measured without a GPU, so nothing is known of nodes with one.",
                "Run this on a node of the kind that you want to size.",
            )
        limits["GPUs"] = nodes * kind.gpus * kind.lookers_per_gpu / costs.gpu_wall
    limits["cores"] = nodes * kind.cores / cpu
    limits["driver"] = 1 / costs.driver if costs.driver else float("inf")
    if storage:
        limits["storage"] = storage / costs.moved
    narrow = min(limits, key=limits.__getitem__)
    return Prediction(nodes, limits[narrow], narrow)


def first_bottleneck(costs: Costs, kind: NodeKind, storage: float = 0.0) -> tuple[str, int] | None:
    """What stops growth beyond cores and GPUs, and from how many nodes on; None where nothing does up to 100,000."""
    low, high = 1, 100_000
    if predict(costs, kind, high, storage).bottleneck in ("cores", "GPUs"):
        return None
    while low < high:
        middle = (low + high) // 2
        if predict(costs, kind, middle, storage).bottleneck in ("cores", "GPUs"):
            low = middle + 1
        else:
            high = middle
    return predict(costs, kind, low, storage).bottleneck, low
