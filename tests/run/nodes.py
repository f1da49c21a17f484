"""Several Ray nodes on this machine, and what can happen to them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import pytest

from redact.batch.sizing import STAGES

WORK = tuple(function for functions in STAGES.values() for function in functions)
STORE = 80 * 2**20  # bytes of object store a node: the least that Ray takes is 75 MiB


class Nodes:
    """A Ray cluster of real processes: raylets, workers and a control store; heard by this machine alone."""

    def __init__(self, **head: Any) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster()
        self._head = {"num_cpus": 0, "include_dashboard": False} | head
        self._nodes: list[Any] = []

    def __enter__(self) -> Nodes:
        self._start(self._head)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.shutdown()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    @property
    def dashboard(self) -> str:
        """Where jobs are submitted, if the head was started with its dashboard."""
        return f"http://{self._cluster.head_node.webui_url}"

    def _start(self, options: dict[str, Any]) -> Any:
        return self._cluster.add_node(object_store_memory=STORE, node_ip_address="127.0.0.1", **options)

    def add(self, cpus: int = 1, gpus: int = 0, **options: Any) -> Any:
        """Starts another node; GPUs are Ray's to count, they need not be there."""
        node = self._start({"num_cpus": cpus, "num_gpus": gpus} | options)
        self._nodes.append(node)
        return node

    def remove(self, node: Any) -> None:
        """Takes a node away without warning: all of its processes are killed."""
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def workers(self) -> Iterator[psutil.Process]:
        """The worker processes of all nodes."""
        for node in (self._cluster.head_node, *self._nodes):
            raylet = node.all_processes.get("raylet", [])
            for process in raylet:
                try:
                    yield from psutil.Process(process.process.pid).children(recursive=True)
                except psutil.NoSuchProcess:
                    continue


class Assassin(threading.Thread):
    """Kills workers while something runs: those that do ``work``, or hold ``file`` open, ``times`` times at most."""

    def __init__(self, nodes: Nodes, *, work: str = "", file: Path | None = None, times: int = 1, pause: float = 0.0):
        super().__init__(daemon=True)
        self._nodes, self._work, self._file, self._times, self._pause = nodes, work, file, times, pause
        self._over = threading.Event()
        self.killed: list[int] = []

    def run(self) -> None:
        while not self._over.is_set() and len(self.killed) < self._times:
            for process in self._nodes.workers():
                if process.pid not in self.killed and self._is_prey(process):
                    try:
                        os.kill(process.pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    self.killed.append(process.pid)
                    self._over.wait(self._pause)
                    break
            self._over.wait(0.002)

    def _is_prey(self, process: psutil.Process) -> bool:
        try:
            title = process.cmdline()[0] if process.cmdline() else ""
            if title.removeprefix("ray::") not in ((self._work,) if self._work else WORK):
                return False
            return self._file is None or any(f.path == str(self._file) for f in process.open_files())
        except (psutil.Error, OSError):
            return False

    def __enter__(self) -> Assassin:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of a few megabytes; skips where this process may not make one."""
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("may not mount a small disk here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
