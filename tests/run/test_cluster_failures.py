"""Things that go wrong on a cluster, each with real processes: the rest of the batch completes, with the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from carrying import Carried, carry
from footage import Footage, leftovers, released, write_footage, write_requests
from nodes import Assassin, Nodes, small_disk

from redact.batch.results import Fate
from redact.batch.run import Told
from redact.run.cluster import ClusterRunner
from redact.run.local import LocalRunner

STAGES = {"plan": "analyse", "render": "render", "mux": "mux", "verify": "check_stretch"}


@pytest.fixture(scope="module")
def runner(nodes: Nodes) -> Iterator[ClusterRunner]:
    with ClusterRunner(nodes.address) as r:
        yield r


@pytest.fixture(scope="module")
def requests(footage: Footage, recipe: Path) -> Path:
    """Four requests: a whole clip, one without sound, a part with a zone, and the same clip again."""
    return write_requests(
        footage.folder / "requests.jsonl",
        [
            {"id": "whole", "source": "street.mp4"},
            {"id": "silent", "source": "walk.mp4"},
            {"id": "part", "source": "cut.mp4", "start": 0.4, "end": 2.4, "zones": ["gate: 0,0 0.2,0 0.2,0.3"]},
            {"id": "again", "source": "street.mp4", "start": 1, "mute": ["1.2-1.5"]},
        ],
        recipe,
    )


@pytest.fixture(scope="module")
def undisturbed(requests: Path, tmp_path_factory: pytest.TempPathFactory) -> Carried:
    """What a single process gives that nothing disturbs."""
    with LocalRunner(1) as one:
        carried = carry(requests, tmp_path_factory.mktemp("undisturbed") / "out", one, at_once=1)
    assert set(carried.fates.values()) == {Fate.RELEASED}, carried.results
    return carried


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_is_killed(
    stage: str, nodes: Nodes, runner: ClusterRunner, requests: Path, undisturbed: Carried, tmp_path: Path
) -> None:
    for n in range(4):  # a stage that lasts a few milliseconds may be over before it is seen
        folder = tmp_path / f"out-{n}"
        with Assassin(nodes, work=STAGES[stage], times=2) as assassin:
            carried = carry(requests, folder, runner)
        assert carried.files == undisturbed.files
        assert set(carried.fates.values()) == {Fate.RELEASED}
        assert not leftovers(folder)
        if assassin.killed:
            return
    pytest.fail("no worker was caught in this stage")


def test_a_node_is_removed(
    nodes: Nodes, runner: ClusterRunner, requests: Path, undisturbed: Carried, tmp_path: Path
) -> None:
    third = nodes.add(cpus=2)
    removed = threading.Event()

    def tell(told: Told) -> None:
        if not removed.is_set() and told.state.frames.get("plan"):
            removed.set()
            nodes.remove(third)

    carried = carry(requests, tmp_path / "out", runner, tell=tell)
    assert removed.is_set()
    assert carried.files == undisturbed.files


def test_a_segment_that_crashes_its_worker_each_time(
    nodes: Nodes,
    runner: ClusterRunner,
    footage: Footage,
    requests: Path,
    undisturbed: Carried,
    recipe: Path,
    tmp_path: Path,
) -> None:
    """From the kernel's view: whoever looks into this file dies. Its video is quarantined, the others are released."""
    poison = Path(shutil.copy(footage.folder / "mirror.mkv", footage.folder / "poison.mkv"))
    rows = [
        {"id": "poison", "source": "poison.mkv"},
        {"id": "whole", "source": "street.mp4"},
        {"id": "silent", "source": "walk.mp4"},
    ]
    listed = write_requests(footage.folder / "poison.jsonl", rows, recipe)
    with Assassin(nodes, work="analyse", file=poison, times=1000) as assassin:
        carried = carry(listed, tmp_path / "out", runner)
    assert len(assassin.killed) >= 4
    assert carried.fates == {"poison": Fate.QUARANTINED, "whole": Fate.RELEASED, "silent": Fate.RELEASED}
    assert "killed its worker 4 times" in carried.reason("poison")
    assert carried.files.items() <= undisturbed.files.items()
    assert len(carried.files) == 4


def test_a_source_that_changes_while_it_is_read(
    runner: ClusterRunner, footage: Footage, undisturbed: Carried, recipe: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copy(footage.folder / "cut.mp4", footage.folder / "changing.mp4"))
    rows = [{"id": "changing", "source": "changing.mp4"}, {"id": "silent", "source": "walk.mp4"}]
    listed = write_requests(footage.folder / "changing.jsonl", rows, recipe)
    original, changed = source.read_bytes(), threading.Event()

    def tell(told: Told) -> None:
        if not changed.is_set() and any("changing" in f.output for f in told.state.in_flight):
            changed.set()
            with source.open("r+b") as f:  # the same length, the same packets, other pixels
                f.seek(len(original) // 2)
                f.write(bytes(64))

    carried = carry(listed, tmp_path / "out", runner, tell=tell)
    assert changed.is_set()
    assert carried.fates == {"changing": Fate.REFUSED, "silent": Fate.RELEASED}
    assert carried.files.items() <= undisturbed.files.items()
    assert not any("changing" in name for name in carried.files)
    source.write_bytes(original)
    again = carry(listed, tmp_path / "out", runner)
    assert set(again.fates.values()) == {Fate.RELEASED}
    with LocalRunner(1) as one:
        alone = carry(listed, tmp_path / "alone", one, at_once=1)
    assert again.files == alone.files


def _command(requests: Path, folder: Path, address: str, *more: str) -> list[str]:
    command = [sys.executable, "-m", "redact", "batch", str(requests), "-o", str(folder), "--address", address]
    return [*command, "--json", *more]


def test_the_driver_is_killed_and_started_again(
    nodes: Nodes, requests: Path, undisturbed: Carried, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    command = _command(requests, folder, nodes.address)
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + 120
    while not list(folder.glob(".batch/scratch/*/found-*.json")):
        assert first.poll() is None, first.stderr and first.stderr.read()
        assert time.monotonic() < until, "no piece of work was finished"
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(2)  # its last pieces of work end with it
    pieces = {p: p.stat().st_ino for p in folder.glob(".batch/scratch/*/found-*.json")}
    assert pieces
    second = subprocess.Popen(command, stdout=subprocess.PIPE)
    made_anew = set()
    while second.poll() is None:
        for piece, number in pieces.items():
            try:
                made_anew |= {piece} if piece.stat().st_ino != number else set()
            except FileNotFoundError:
                continue
        time.sleep(0.01)
    assert second.returncode == 0
    assert not made_anew, "finished pieces are taken, not made again"
    assert released(folder) == undisturbed.files
    assert not leftovers(folder)


def test_a_clock_that_jumps(nodes: Nodes, requests: Path, undisturbed: Carried, tmp_path: Path) -> None:
    """The driver sees a wall clock that jumps by a day, back and forth, each quarter of a second."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: the clock cannot be made to jump")
    shim = tmp_path / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(source), "-ldl"], check=True)
    environment = os.environ | {"LD_PRELOAD": str(shim)}
    # Looked at for a second: of two looks, both may fall between two jumps.
    looks = "import time\nt = [(time.sleep(0.05), time.time())[1] for _ in range(20)]\nprint(max(t) - min(t) > 3600)"
    probe = [sys.executable, "-c", looks]
    assert subprocess.run(probe, env=environment, capture_output=True, text=True, check=True).stdout == "True\n"
    jumped = tmp_path / "jumped"
    command = _command(requests, tmp_path / "out", nodes.address)
    environment["CLOCK_JUMPED"] = str(jumped)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=120)
    assert released(tmp_path / "out") == undisturbed.files
    assert jumped.stat().st_size > 4, "the clock did jump"


def test_the_object_store_is_full(
    nodes: Nodes, runner: ClusterRunner, requests: Path, undisturbed: Carried, tmp_path: Path
) -> None:
    import numpy as np
    import ray

    def hold() -> object:
        return np.zeros(60 * 2**20, np.uint8)

    ballast = [ray.put(np.zeros(30 * 2**20, np.uint8)) for _ in range(4)]
    ballast += [ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(hold).remote() for _ in range(4)]
    ray.wait(ballast, num_returns=len(ballast), timeout=60)
    carried = carry(requests, tmp_path / "out", runner)
    del ballast
    assert carried.files == undisturbed.files


def test_the_scratch_disk_is_full(
    runner: ClusterRunner, footage: Footage, undisturbed: Carried, recipe: Path, tmp_path: Path
) -> None:
    """A video that needs more than there is: it is refused, and the next one finds room again."""
    big = footage.folder / "big.mp4"
    if not big.exists():
        write_footage(big, 0, 150, noise=True)
    rows = [{"id": "big", "source": "big.mp4"}, {"id": "whole", "source": "street.mp4"}]
    listed = write_requests(footage.folder / "big.jsonl", rows, recipe)
    with small_disk(tmp_path / "disk", "1500k") as disk:
        carried = carry(listed, disk / "out", runner, at_once=1)
        assert carried.fates == {"big": Fate.REFUSED, "whole": Fate.RELEASED}, carried.results
        assert "full" in carried.reason("big")
        assert carried.files.items() <= undisturbed.files.items()
        assert not leftovers(disk / "out")
