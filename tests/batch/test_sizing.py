"""The model of how a cluster would do: exact where it is arithmetic, and measured on a clip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from redact.batch.sizing import STAGES, Costs, Meter, NodeKind, first_bottleneck, predict
from redact.cli import app
from redact.errors import UsageError
from redact.run.local import LocalRunner

COSTS = Costs({"probe": 0.1, "plan": 2.0, "render": 1.0, "verify": 0.9}, gpu_wall=0.0, driver=0.01, moved=2e6)


def test_cores_add_up() -> None:
    one = predict(COSTS, NodeKind(8), 1)
    assert one.hours_per_hour == pytest.approx(2.0)
    assert one.bottleneck == "cores"
    assert predict(COSTS, NodeKind(8), 10).hours_per_hour == pytest.approx(20.0)


def test_what_does_not_add_up_becomes_the_limit() -> None:
    assert predict(COSTS, NodeKind(8), 100).hours_per_hour == pytest.approx(100)
    assert predict(COSTS, NodeKind(8), 100).bottleneck == "driver"
    assert first_bottleneck(COSTS, NodeKind(8)) == ("driver", 51)
    assert predict(COSTS, NodeKind(8), 100, storage=100e6).bottleneck == "storage"
    assert first_bottleneck(COSTS, NodeKind(8), storage=100e6) == ("storage", 26)
    assert first_bottleneck(Costs({"plan": 1.0}, 0.0, 0.0, 1.0), NodeKind(1)) is None


def test_gpus_that_nobody_measured() -> None:
    with pytest.raises(UsageError, match="without a GPU"):
        predict(COSTS, NodeKind(8, gpus=1), 1)
    measured = Costs({"plan": 0.2, "render": 1.0}, gpu_wall=0.4, driver=0.001, moved=1.0)
    assert predict(measured, NodeKind(8, gpus=1), 1).bottleneck == "cores"
    assert predict(measured, NodeKind(32, gpus=1), 1).bottleneck == "GPUs"
    assert predict(measured, NodeKind(32, gpus=1), 1).hours_per_hour == pytest.approx(10.0)


def _burn(n: int) -> int:
    return sum(i * i for i in range(n))


def test_work_is_measured_where_it_is_done() -> None:
    with LocalRunner(1) as runner:
        meter = Meter(runner)
        assert list(meter.map(_burn, [(10,), (3_000_000,)])) == [_burn(10), _burn(3_000_000)]
    assert 0.01 < meter.cpu["_burn"] <= meter.wall["_burn"] * 1.5 + 0.05
    assert meter.pieces == 2
    assert meter.bytes > 0


def test_the_command(plain_clip: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "size", str(plain_clip), "--nodes", "1,4", "--cores", "4", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert set(found["costs"]["cpu"]) == set(STAGES)
    assert all(found["costs"]["cpu"][stage] > 0 for stage in STAGES)
    assert found["costs"]["driver"] > 0
    assert [p["nodes"] for p in found["predictions"]] == [1, 4]
    assert found["predictions"][0]["hours_per_hour"] > 0
    assert CliRunner().invoke(app, ["bench", "size", str(plain_clip), "--nodes", "many"]).exit_code == 2
