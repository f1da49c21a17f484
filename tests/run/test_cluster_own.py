"""What needs a cluster of its own: other versions, GPUs, full disks, and drivers in odd places."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray
from footage import Footage, released, write_requests
from nodes import Nodes, small_disk

from redact.errors import SpaceError, UsageError, WorkerError
from redact.record import code_sha256
from redact.run.cluster import ClusterRunner

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def where(seconds: float = 0.0) -> str:
    """The GPU that Ray gave to this worker: its number, or nothing."""
    time.sleep(seconds)
    return os.environ.get("CUDA_VISIBLE_DEVICES", "")


def analyse(seconds: float, deadly: bool = False) -> str:
    """What the runner takes for a look at a segment."""
    if deadly:
        os.kill(os.getpid(), 9)
    return where(seconds)


def large(n: int) -> bytes:
    """Many bytes."""
    return bytes(n)


@pytest.fixture
def other_code(tmp_path: Path) -> Iterator[None]:
    """Nodes that are started meanwhile run a redact that differs by a comment."""
    shutil.copytree(Path(sys.modules["redact"].__file__ or "").parent, tmp_path / "other" / "redact")
    with (tmp_path / "other" / "redact" / "errors.py").open("a") as f:
        f.write("# changed\n")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(tmp_path / "other")
    yield
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def test_other_code_on_a_node_is_refused(other_code: None) -> None:
    mine = str(Path(sys.modules["redact"].__file__ or "").parents[1])
    theirs, os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"], mine
    with Nodes() as cluster:
        cluster.add()
        os.environ["PYTHONPATH"] = theirs
        bad = cluster.add()
        with pytest.raises(UsageError, match="runs another version than this machine: redact's code"):
            ClusterRunner(cluster.address).__enter__()
        cluster.remove(bad)
        with ClusterRunner(cluster.address) as runner:
            assert list(runner.map(where, [(0,)])) == [""]
            cluster.add(cpus=4)  # an autoscaler may bring an old image at any time
            with pytest.raises(UsageError, match="runs another version than the driver: redact's code"):
                list(runner.map(where, [(0.2,)] * 40))


def test_gpus_are_used_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs that only Ray believes in: which work goes where, and what becomes of it when they go."""
    monkeypatch.setattr(sys.modules["redact.run.cluster"], "RETRIES", 1)
    monkeypatch.setattr(sys.modules["redact.run.cluster"], "GPU_SHARE", 0.5)
    with Nodes() as cluster:
        cluster.add(cpus=2)
        node = cluster.add(cpus=1, gpus=2)
        with ClusterRunner(cluster.address) as runner:
            assert sorted(n.gpus for n in runner.nodes()) == [0, 0, 2]
            assert set(runner.map(analyse, [(0.05,)] * 16)) == {"0", "1"}
            assert list(runner.map(where, [(0.05,)] * 6)) == [""] * 6
            results = runner.map(analyse, [*[(0.05,)] * 4, (0.05, True)])
            assert {next(results) for _ in range(4)} == {"0", "1"}
            with pytest.raises(WorkerError):
                next(results)
            results = runner.map(analyse, [(0.2,)] * 16)
            next(results)
            cluster.remove(node)
            assert len(list(results)) == 15, "what waited there is done elsewhere"
            assert list(runner.map(analyse, [(0,)] * 2)) == ["", ""]
            cluster.add(cpus=1, gpus=1)
            until = time.monotonic() + 30
            while "0" not in set(runner.map(analyse, [(0,)] * 4)) and time.monotonic() < until:
                time.sleep(0.5)
            assert list(runner.map(analyse, [(0.1,)] * 4)) == ["0"] * 4


def test_results_that_fit_nowhere(tmp_path: Path) -> None:
    """Object store and disk are full: an error that says so, not a wait without end; then it goes on."""
    with small_disk(tmp_path / "disk", "20m") as disk:
        spill = json.dumps({"type": "filesystem", "params": {"directory_path": str(disk)}})
        with (
            Nodes(num_cpus=1, _system_config={"object_spilling_config": spill}) as cluster,
            ClusterRunner(cluster.address) as runner,
        ):
            with pytest.raises(SpaceError):
                list(runner.map(large, [(200 * 2**20,) for _ in range(2)]))
            assert list(runner.map(where, [(0,)])) == [""]


def test_a_driver_among_namesakes(footage: Footage, recipe: Path, nodes: Nodes, tmp_path: Path) -> None:
    """Started from a folder with a redact/ and a models/ of its own, workers still run our code."""
    odd = tmp_path / "odd"
    for name in ("redact", "models", "cv2"):
        (odd / name).mkdir(parents=True)
        (odd / name / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    requests = write_requests(
        footage.folder / "namesakes.jsonl", [{"id": "whole", "source": str(footage.folder / "street.mp4")}], recipe
    )
    program = Path(sys.executable).with_name("redact")
    if not program.exists():
        pytest.skip("the command is not installed")
    for name, more in (("cluster", ["--address", nodes.address]), ("local", ["--workers", "1"])):
        command = [str(program), "batch", str(requests), "-o", str(tmp_path / name), *more]
        subprocess.run(command, cwd=odd, check=True, capture_output=True, timeout=120)
        record = json.loads(next((tmp_path / name).glob("*.record.json")).read_text())
        assert record["code"]["sha256"] == code_sha256()
    assert released(tmp_path / "cluster") == released(tmp_path / "local")


def test_a_local_cluster_is_heard_by_this_machine_alone() -> None:
    code = "import time\nfrom redact.run.cluster import ClusterRunner\nwith ClusterRunner('local') as r:\n"
    code += "    print(next(r.map(pow, [(2, 3)])), flush=True)\n    input()\n"
    driver = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True, env=os.environ | {})
    assert driver.stdout is not None
    assert driver.stdout.readline() == "8\n"
    ours = [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
    heard = set()
    for process in ours:
        try:
            heard |= {
                c.laddr.ip.removeprefix("::ffff:")
                for c in process.net_connections("inet")
                if c.status == psutil.CONN_LISTEN
            }
        except psutil.Error:
            continue
    driver.communicate("\n", timeout=60)
    assert heard
    assert heard <= {"127.0.0.1", "::1"}, heard


def _wait_for(port: int) -> None:
    """Until somebody listens: the server of outside drivers starts after the node says that it is up."""
    for _ in range(300):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")


def test_a_driver_outside_the_cluster(footage: Footage, recipe: Path, tmp_path: Path) -> None:
    """ray://: the driver talks to the cluster through one port."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    requests = write_requests(footage.folder / "outside.jsonl", [{"id": "whole", "source": "street.mp4"}], recipe)
    with Nodes(num_cpus=1, ray_client_server_port=port):
        _wait_for(port)
        command = [sys.executable, "-m", "redact", "batch", str(requests), "-o", str(tmp_path / "out")]
        done = subprocess.run(
            [*command, "--address", f"ray://127.0.0.1:{port}", "--json"], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["fate"] == "released"
    command += ["--workers", "1", "--json"]
    command[command.index("-o") + 1] = str(tmp_path / "local")
    subprocess.run(command, check=True, capture_output=True)
    assert released(tmp_path / "out") == released(tmp_path / "local")


def test_no_cluster_there() -> None:
    began = time.monotonic()
    for address in ("ray://127.0.0.1:1", "127.0.0.1:1"):
        with pytest.raises(UsageError, match="No Ray cluster answers"):
            ClusterRunner(address).__enter__()
    assert time.monotonic() - began < 10
