"""How a batch scales: the local runner, a cluster of one and of two workers; one, two and four requests a source.

    python benchmarks/scaling.py [--seconds 60] [--write]

The same footage each time: a clip of `$REDACT_DATA` where that is, else the clip of ``redact demo``, again and again
until it is as long as asked. All processes are started and have their detectors loaded before the clock runs: a batch
of days pays for that once. Two further checks: what the model of ``redact bench size`` says from the costs of one
worker, and that all releases are the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "run"))
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray's way to say: use the loopback address

import psutil
from machine import ROOT, ffmpeg, machine, real_clips
from nodes import Nodes

from redact.api import policy_of
from redact.batch.run import prepare, run_batch
from redact.batch.sizing import Costs, Meter, NodeKind, predict
from redact.cli.bench import measure
from redact.run.cluster import ClusterRunner
from redact.run.local import LocalRunner, cores
from redact.video import Runner

RECIPE = "export-batch"
# The cheapest of the real ones: what Ray costs besides is the larger share of it.
CLIP = "14_intel_two_people_walking_faces_480x270.mp4"


def make_source(folder: Path, seconds: int) -> Path:
    """A real clip (or the demo's) repeated without re-encoding until it is ``seconds`` long."""
    clip = real_clips() / CLIP
    if not clip.is_file():
        from redact.demo import make_clip

        clip = folder / "demo.mp4"
        make_clip(clip)
    out = folder / "source.mp4"
    command = [ffmpeg(), "-v", "error", "-stream_loop", "-1", "-i", str(clip), "-map", "0:v:0", "-c", "copy"]
    subprocess.run([*command, "-t", str(seconds), str(out)], check=True)
    return out


def write_requests(folder: Path, source: Path, count: int) -> Path:
    """``count`` requests for the whole source; more than one differ in what they hide, so that each is rendered."""
    file = folder / f"requests-{count}.jsonl"
    defaults = {"operator": "07", "purpose": "a benchmark", "legal_basis": "none needed", "recipe": RECIPE}
    rows = [
        {"id": f"r{n}", "source": str(source), "output": f"r{n}.mp4"}
        | ({"zones": [f"screen: 0,0 0.{n}5,0 0.{n}5,0.1"]} if n else {})
        for n in range(count)
    ]
    file.write_text("".join(json.dumps(r) + "\n" for r in [{"defaults": defaults}, *rows]))
    return file


class CpuMeter:
    """CPU seconds of this process and all that it started, in two sums: what works, and Ray's own processes."""

    _RAY = ("raylet", "gcs_server", "dashboard", "agent", "monitor", "log_monitor")

    def __init__(self) -> None:
        self._last: dict[int, tuple[str, float]] = {}
        self._first: dict[int, float] = {}
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._run, daemon=True)

    def _sample(self) -> None:
        me = psutil.Process()
        for p in (me, *me.children(recursive=True)):
            try:
                t = p.cpu_times()
                words = " ".join(p.cmdline())
                ray = any(n in words for n in self._RAY) and "default_worker" not in words
                if "ffmpeg" in words and p.pid != me.pid:
                    continue  # counted by the worker that it belongs to, once it has ended
                spent = t.user + t.system + (0.0 if p.pid == me.pid or ray else t.children_user + t.children_system)
                self._last[p.pid] = ("ray" if ray else "work", spent)
                self._first.setdefault(p.pid, spent)
            except psutil.Error:
                continue

    def _run(self) -> None:
        while not self._over.wait(0.5):
            self._sample()

    def __enter__(self) -> CpuMeter:
        self._sample()
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._sampler.join()
        self._sample()

    def spent(self, kind: str) -> float:
        return sum(s - self._first[pid] for pid, (k, s) in self._last.items() if k == kind)


@dataclass(frozen=True)
class Row:
    """One run."""

    name: str
    workers: int
    requests: int
    wall: float
    cpu: float
    ray_cpu: float
    hours_per_hour: float
    stored: int
    digest: str


def object_store_bytes(nodes: Nodes | None) -> int:
    """Bytes that Ray says went through its object stores."""
    if nodes is None:
        return 0
    from ray._private.internal_api import memory_summary

    text = memory_summary(address=nodes.address, stats_only=True)
    for line in text.splitlines():
        if "Objects consumed by Ray tasks" in line:
            return round(float(line.split(":")[1].split()[0]) * 2**20)
    return 0


def run(name: str, requests: Path, count: int, seconds: int, runner: Any, workers: int, nodes: Nodes | None) -> Row:
    """Carries out one batch and measures it."""
    with tempfile.TemporaryDirectory(prefix="redact-scaling-") as folder:
        out = Path(folder) / "out"
        batch, journal, place = prepare(requests, str(out), RECIPE, policy_of)
        stored = object_store_bytes(nodes)
        began = time.monotonic()
        with CpuMeter() as cpu:
            summary = run_batch(batch, journal, place, runner, at_once=2, nodes=tuple, tell=lambda told: None)
            wall = time.monotonic() - began
        assert all(r.fate == "released" for r in summary.results), summary.results
        digest = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(out.glob("r0.mp4")))).hexdigest()
    row = Row(
        name,
        workers,
        count,
        wall,
        cpu.spent("work"),
        cpu.spent("ray"),
        seconds * count / wall,
        object_store_bytes(nodes) - stored,
        digest,
    )
    print(row, flush=True)
    return row


def crossing(requests: Path, seconds: int, runner: Runner) -> float:
    """Bytes that cross between driver and workers for a minute of footage, all stages together."""
    with tempfile.TemporaryDirectory(prefix="redact-scaling-") as folder:
        batch, journal, place = prepare(requests, str(Path(folder) / "out"), RECIPE, policy_of)
        meter = Meter(runner)
        run_batch(batch, journal, place, meter, at_once=2, nodes=tuple, tell=lambda told: None)
    return meter.bytes / seconds * 60


def warm(runner: Any, source: Path, workers: int) -> None:
    """Has every worker load what it needs."""
    with tempfile.TemporaryDirectory(prefix="redact-scaling-") as folder:
        short = Path(folder) / "short.mp4"
        command = [ffmpeg(), "-v", "error", "-i", str(source), "-c", "copy", "-t", str(10 * workers), str(short)]
        subprocess.run(command, check=True)
        requests = write_requests(Path(folder), short, 1)
        batch, journal, place = prepare(requests, str(Path(folder) / "out"), RECIPE, policy_of)
        run_batch(batch, journal, place, runner, at_once=1, nodes=tuple, tell=lambda told: None)


@contextmanager
def cluster(workers: int) -> Iterator[tuple[ClusterRunner, Nodes]]:
    """A head without work and a node for each worker."""
    with Nodes() as nodes:
        for _ in range(workers):
            nodes.add(cpus=1)
        with ClusterRunner(nodes.address) as runner:
            yield runner, nodes


def runs_table(rows: list[Row]) -> list[str]:
    """A row for each run."""
    return [
        "| runner | workers | requests a source | hours an hour | wall s | CPU s, work | CPU s, Ray | cores it had | "
        "through the object store, MB |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {r.name} | {r.workers} | {r.requests} | {r.hours_per_hour:.2f} | {r.wall:.1f} | {r.cpu:.1f} | "
            f"{r.ray_cpu:.1f} | {(r.cpu + r.ray_cpu) / r.wall:.2f} | {r.stored / 1e6:.2f} |"
            for r in rows
        ),
    ]


def reach_table(rows: list[Row], crossed: float, seconds: int) -> list[str]:
    """What was to be reached, and what was measured."""
    local, ray = _single(rows, "local"), _single(rows, "cluster")
    out = ["| what | reach | measured |", "|---|---|---|"]
    for workers in sorted(set(local) & set(ray)):
        over = (ray[workers].cpu + ray[workers].ray_cpu) / local[workers].cpu - 1
        out.append(f"| CPU overhead of Ray against the local runner, {workers} workers | at most 10 % | {over:+.1%} |")
    if {1, 2} <= set(ray):
        efficiency = ray[1].wall / ray[2].wall / 2
        by_cpu = ray[1].cpu / ray[2].cpu
        # One worker leaves the second core to the driver and to Ray; two have it to share.
        had = (ray[1].cpu + ray[1].ray_cpu) / ray[1].wall
        out.append(f"| efficiency from 1 to 2 workers, by the clock | at least 0.9 | {efficiency:.2f} |")
        if cores() == 2:
            out.append(
                f"| the most that it can be on 2 cores, as one worker had {had:.2f} | | {min(1.0, 1 / had):.2f} |"
            )
        out.append(f"| the same by CPU seconds (what a second worker costs besides) | | {by_cpu:.2f} |")
    most = max((r.stored / (seconds * r.requests / 60) for r in rows if r.name == "cluster"), default=0.0)
    out.append(f"| through the object store, a minute of video | under 1 MB | {most / 1e6:.3f} MB |")
    out.append(
        f"| all that crosses between driver and workers, small messages too, a minute | | {crossed / 1e6:.3f} MB |"
    )
    return out


def _single(rows: list[Row], name: str) -> dict[int, Row]:
    """The runs of one runner with one request a source, by workers."""
    return {r.workers: r for r in rows if r.name == name and r.requests == 1}


def model_tables(rows: list[Row], costs: Costs) -> list[str]:
    """What ``redact bench size`` says from the costs of one worker: of these runs, and of larger clusters."""
    out = ["| stage | core seconds a second of footage |", "|---|---|"]
    out += [f"| {stage} | {spent:.4f} |" for stage, spent in costs.cpu.items()]
    out += [f"| driver | {costs.driver:.4f} |", ""]
    out += ["| run | predicted hours an hour | measured | predicted for the cores that it had |", "|---|---|---|---|"]
    for r in [*_single(rows, "local").values(), *_single(rows, "cluster").values()]:
        said = predict(costs, NodeKind(r.workers), 1).hours_per_hour
        had = predict(costs, NodeKind(r.cpu / r.wall), 1).hours_per_hour
        out.append(f"| {r.name}, {r.workers} workers | {said:.2f} | {r.hours_per_hour:.2f} | {had:.2f} |")
    out += ["", "| nodes of 16 cores like these | hours an hour | limited by |", "|---|---|---|"]
    for n in (1, 2, 5, 10, 20, 50, 100):
        p = predict(costs, NodeKind(16), n)
        out.append(f"| {n} | {p.hours_per_hour:.0f} | {p.bottleneck} |")
    return out


def page(rows: list[Row], costs: Costs, crossed: float, seconds: int) -> str:
    """All results in Markdown."""
    note = os.environ.get("REDACT_BENCH_NOTE", "")  # what else the machine did meanwhile
    lines = [
        "# Scaling",
        "",
        f"A source of {seconds} s, 480x270, recipe `{RECIPE}`. {machine()}",
        *([note] if note else []),
        "",
        *runs_table(rows),
        "",
        *reach_table(rows, crossed, seconds),
        "",
        f"All {len(rows)} runs gave the same bytes for the first request: {len({r.digest for r in rows}) == 1}.",
        "",
        "## The model of `redact bench size`",
        "",
        "From the costs of one worker of the local runner:",
        "",
        *model_tables(rows, costs),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/scaling.md")
    options = parser.parse_args()
    seconds = options.seconds
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="redact-scaling-") as name:
        folder = Path(name)
        source = make_source(folder, seconds)
        requests = {n: write_requests(folder, source, n) for n in (1, 2, 4)}
        short = make_source(Path(tempfile.mkdtemp(dir=folder)), min(seconds, 60))
        costs = measure(short, policy_of(RECIPE))
        print(costs, flush=True)
        for workers in (1, 2):
            with LocalRunner(workers) as local:
                warm(local, source, workers)
                rows.append(run("local", requests[1], 1, seconds, local, workers, None))
                if workers == 2:
                    crossed = crossing(requests[1], seconds, local)
        for workers in (1, 2):
            with cluster(workers) as (ray, nodes):
                warm(ray, source, workers)
                counts = (1, 2, 4) if workers == 2 else (1,)
                rows += [run("cluster", requests[n], n, seconds, ray, workers, nodes) for n in counts]
    text = page(rows, costs, crossed, seconds)
    print(text)
    if options.write:
        (ROOT / "benchmarks" / "results" / "scaling.md").write_text(text)


if __name__ == "__main__":
    main()
