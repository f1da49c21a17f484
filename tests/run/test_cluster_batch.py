"""A whole batch on a cluster of three nodes while workers are being killed; seen from outside while it runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from carrying import carry
from footage import Footage, leftovers, released, write_requests
from nodes import Assassin, Nodes

from redact.batch.results import Fate
from redact.record import code_sha256
from redact.run.cluster import ClusterRunner
from redact.run.local import LocalRunner


@pytest.fixture(scope="module")
def twenty(footage: Footage, recipe: Path) -> Path:
    """Twenty-two requests: three recipes, parts, zones, mutes, a broken file, one request listed twice."""
    mosaic = recipe.with_name("mosaic.toml")
    mosaic.write_text(recipe.read_text().replace("[detect]", 'method = "mosaic"\n[detect]').replace('"keep"', '"drop"'))
    (footage.folder / "broken.mp4").write_bytes((footage.folder / "street.mp4").read_bytes()[:30_000])
    rows = []
    for n, clip in enumerate(("street.mp4", "walk.mp4", "cut.mp4", "mirror.mkv")):
        rows += [
            {"id": f"{n}-whole", "source": clip},
            {"id": f"{n}-mosaic", "source": clip, "recipe": str(mosaic)},
            {"id": f"{n}-part", "source": clip, "start": 0.52, "end": 1.48},
            {"id": f"{n}-zone", "source": clip, "end": 1.2, "zones": ["screen: 0.1,0.1 0.4,0.1 0.4,0.5"]},
            {"id": f"{n}-mute", "source": clip, "start": 0.2, "mute": ["0.5-0.9"], "output": f"mute {n}.mp4"},
        ]
    rows.insert(7, {"id": "broken", "source": "broken.mp4"})
    rows += [rows[0], {"id": "outlines", "source": "cut.mp4", "start": 1, "zones": ["gate @ 1.2-2: 9,9 99,9 99,99"]}]
    return write_requests(footage.folder / "twenty.jsonl", rows, recipe)


def test_twenty_requests_while_workers_are_killed(nodes: Nodes, twenty: Path, tmp_path: Path) -> None:
    with LocalRunner(1) as one:
        alone = carry(twenty, tmp_path / "alone", one, at_once=1)
    with (
        ClusterRunner(nodes.address) as runner,
        Assassin(nodes, times=8, pause=6) as assassin,
    ):
        carried = carry(twenty, tmp_path / "out", runner, at_once=3)
    assert assassin.killed  # how many depends on how fast the machine is; the benchmark counts them
    assert [r.id for r in carried.results] == [r.id for r in alone.results], "in the order of the requests"
    assert carried.fates == alone.fates, {r.id: r.reason for r in carried.results if r.reason}
    assert sum(f is Fate.RELEASED for f in carried.fates.values()) == 21
    assert carried.fates["broken"] is Fate.REFUSED
    assert carried.files == alone.files
    assert len(carried.files) == 42
    assert not leftovers(tmp_path / "out")
    record = json.loads((tmp_path / "out" / "mute 0.mp4.record.json").read_text())
    assert record["code"]["sha256"] == code_sha256()


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_a_batch_is_seen_from_outside(footage: Footage, recipe: Path, tmp_path: Path) -> None:
    """``redact status``, ``--events``, and what Prometheus reads from Ray, while a batch runs and after."""
    pytest.importorskip("prometheus_client")
    rows = [{"id": f"r-{n}", "source": "street.mp4", "start": n / 10, "output": f"r-{n}.mp4"} for n in range(4)]
    (footage.folder / "empty.mp4").write_bytes(b"")
    listed = write_requests(footage.folder / "seen.jsonl", [{"id": "bad", "source": "empty.mp4"}, *rows], recipe)
    port, out, events = _free_port(), tmp_path / "out", tmp_path / "events.jsonl"
    environment = os.environ | {"RAY_metrics_report_interval_ms": "500"}
    program = [sys.executable, "-m", "redact"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_metrics_report_interval_ms", "500")
        cluster = Nodes(num_cpus=1, metrics_export_port=port)
        with cluster:
            command = [*program, "batch", str(listed), "-o", str(out), "--address", cluster.address, "--json"]
            # A worker's death is told to the driver by Ray; stdout is for results all the same.
            with Assassin(cluster, work="analyse", times=1):
                driver = subprocess.Popen(
                    [*command, "--events", str(events)], stdout=subprocess.PIPE, text=True, env=environment
                )
                seen, told = [], ""
                while driver.poll() is None:
                    done = subprocess.run([*program, "status", str(out), "--json"], capture_output=True, text=True)
                    if done.returncode == 0:
                        seen.append(json.loads(done.stdout))
                    told = _metrics(port) or told
                    if "ray_redact_requests_left" in told and any(s["in_flight"] for s in seen):
                        break
                while driver.poll() is None:
                    if "ray_redact" in (now := _metrics(port)):
                        told = now
                    time.sleep(0.5)
            assert driver.stdout is not None
            lines = [json.loads(line) for line in driver.stdout.read().splitlines()]
    assert [line["fate"] for line in lines] == ["refused", *["released"] * 4]
    assert any(s["running"] for s in seen)
    assert all(s["listed"] == 5 for s in seen)
    running = [s for s in seen if s["in_flight"]]
    assert running
    assert running[0]["in_flight"][0]["output"].startswith("r-")
    assert [n["cpus"] for n in running[0]["nodes"]] == [1.0]
    after = subprocess.run([*program, "status", str(out)], capture_output=True, text=True, check=True)
    assert after.stdout.startswith("not running: 5 of 5 done (1 refused, 4 released)")
    for name in ("frames_total", "times_real_time", "requests", "videos_in_flight", "requests_left"):
        assert re.search(rf"^ray_redact_{name}\b", told, re.M), name
    assert re.search(r'^ray_redact_frames_total\{.*stage="plan".*\} [1-9]', told, re.M)
    assert re.search(r'^ray_redact_requests\{.*fate="quarantined".*\} 0', told, re.M)
    happened = [json.loads(line) for line in events.read_text().splitlines()]
    assert [e["event"] for e in happened].count("finished") == 5
    assert happened[0]["event"] == "batch started"
    assert happened[-1]["event"] == "batch finished"
    assert all(e["time"] for e in happened)
    assert len(released(out)) == 8


def test_status_of_a_folder_without_a_batch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "redact", "status", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no batch was run into this folder" in done.stderr
    shutil.rmtree(tmp_path)
