"""``ray job submit``, as a RayJob does it: the driver is a process of the cluster."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from carrying import carry
from footage import Footage, leftovers, released, write_requests
from nodes import Nodes

from redact.errors import UsageError
from redact.run.local import LocalRunner

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def _entrypoint(requests: Path, out: Path, events: Path) -> list[str]:
    """What the RayJob of ``pipelines/kuberay`` runs, with the paths of this machine."""
    job = yaml.safe_load((ROOT / "pipelines" / "kuberay" / "rayjob.yaml").read_text())
    here = {
        "/footage/requests.csv": str(requests),
        "/footage/releases": str(out),
        "/footage/events.jsonl": str(events),
    }
    return [here.get(word, word) for word in shlex.split(job["spec"]["entrypoint"])]


def _submit(nodes: Nodes, words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Submits a job and waits for its end. Started from a folder that holds nothing of ours, as a cluster does."""
    command = [BIN / "ray", "job", "submit", "--address", nodes.dashboard, "--working-dir", folder, "--", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


@pytest.fixture(scope="module")
def served() -> Iterator[Nodes]:
    """A cluster of its own whose head takes jobs."""
    pytest.importorskip("aiohttp_cors", reason="Ray takes jobs only with its extra `default`")
    # The agents' ports, too: another cluster on this machine has the usual one, and a head without agent takes no jobs.
    ports = {"dashboard_port": _free_port(), "dashboard_agent_listen_port": _free_port()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        with Nodes(include_dashboard=True, dashboard_host="127.0.0.1", **ports) as nodes:
            for _ in range(2):
                nodes.add(cpus=1, dashboard_agent_listen_port=_free_port())
            _wait_for_an_agent(nodes)
            yield nodes


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _wait_for_an_agent(nodes: Nodes) -> None:
    """Waits until the head takes jobs."""
    until = time.monotonic() + 60
    command = [BIN / "ray", "job", "submit", "--address", nodes.dashboard, "--", "true"]
    while subprocess.run(command, capture_output=True, check=False, timeout=60).returncode:
        assert time.monotonic() < until, "no agent"
        time.sleep(1)


def test_a_submitted_batch(served: Nodes, footage: Footage, recipe: Path, tmp_path: Path) -> None:
    rows = [{"id": "one", "source": "street.mp4", "start": 0.4}, {"id": "two", "source": "mirror.mkv"}]
    requests = write_requests(footage.folder / "submitted.jsonl", rows, recipe)
    with LocalRunner(1) as one:
        alone = carry(requests, tmp_path / "alone", one, at_once=1)
    (empty := tmp_path / "empty").mkdir()
    out, events = tmp_path / "out", tmp_path / "events.jsonl"
    done = _submit(served, _entrypoint(requests, out, events), empty)
    assert done.returncode == 0, done.stdout + done.stderr
    assert released(out) == alone.files
    assert not leftovers(out)
    assert '"one"' in events.read_text()


def test_a_job_that_fails_says_why(served: Nodes, tmp_path: Path) -> None:
    (empty := tmp_path / "empty").mkdir()
    missing = tmp_path / "nowhere.csv"
    done = _submit(served, _entrypoint(missing, tmp_path / "out", tmp_path / "events.jsonl"), empty)
    assert done.returncode != 0
    assert f"'{missing}': cannot be read" in done.stdout + done.stderr
    assert f"exit code {UsageError.exit_code}" in done.stdout + done.stderr
