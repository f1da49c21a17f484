"""Sentences that people read: numbers agree with what they count, and say no more than is so."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from clips import Clip, write_clip
from commands import redact
from rich.console import Console

import redact as package
from redact.batch.results import Node
from redact.batch.state import State
from redact.detect.cards import load_card
from redact.detect.pull import pull
from redact.display import BatchDisplay
from redact.errors import UsageError, WeightsError
from redact.findings import Detection, Kind
from redact.geometry import Box
from redact.media.container import first_error
from redact.plan_io import dump_plan
from redact.run.session import session
from redact.verdict import Leak
from redact.verify import check_leaks
from redact.words import plural, readable


def test_plural() -> None:
    assert [plural(n, "frame") for n in (0, 1, 2, 1.0, 0.5, 1234567)] == [
        "0 frames",
        "1 frame",
        "2 frames",
        "1 frame",
        "0.5 frames",
        "1234567 frames",
    ]


def test_readable() -> None:
    assert readable("监控/a.mp4") == "监控/a.mp4"
    assert readable("caf\udce9.mp4") == "caf\\udce9.mp4"


def test_what_a_library_said_is_part_of_a_sentence() -> None:
    logs = [(24, "h264", "mmco: unref short failure\n"), (16, "h264", "Invalid NAL unit size (9 >  8).\n")]
    assert first_error(logs) == "h264: Invalid NAL unit size (9 > 8)"
    assert first_error(logs[:1]) is None


@pytest.mark.parametrize(
    ("found", "end"), [(1, "a clear face."), (2, "(and 1 more finding)."), (3, "2 more findings).")]
)
def test_leaks(found: int, end: str) -> None:
    leaks = [Leak(3, Detection(Kind.FACE, Box(0, 0, 9, 9), 0.9))] * found
    assert check_leaks(leaks, 9, 0).sentence.endswith(end)


def test_a_frame_that_the_plan_blackens_is_not_damaged(plain_clip: Path, tmp_path: Path) -> None:
    plan = replace(package.plan(plain_clip), black=(3,))
    (tmp_path / "plan.json").write_text(dump_plan(plan))
    # Whatever a detector takes a black picture for, it is no plate.
    (tmp_path / "r.toml").write_text('schema = 1\nname = "r"\n[obscure]\nkinds = ["plate"]\n')
    words = ("render", plain_clip, "--plan", "plan.json", "-o", "out.mp4", "-r", "r.toml")
    done = redact(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert " of 50 frames, 1 frame black by the plan; record" in done.stdout


def test_two_files_that_are_others(plain_clip: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    package.run(plain_clip, first)
    other = write_clip(tmp_path / "other.mp4", Clip(frames=20))
    package.run(other, second)
    record = tmp_path / "a.mp4.record.json"
    (check,) = package.verify(plain_clip, second, record).checks
    assert check.sentence == "The release and the plan are not the ones that the record describes."
    shutil.copy(f"{first}.plan.json", f"{second}.plan.json")
    (check,) = package.verify(plain_clip, second, record).checks
    assert check.sentence == "The release is not the one that the record describes."


def test_a_batch_on_one_node(tmp_path: Path) -> None:
    file = tmp_path / "screen"
    with file.open("w") as out, BatchDisplay(Console(file=out, force_terminal=True, width=200)) as display:
        state = {"requests": "r", "process": 1, "running": True, "started": 0, "updated": 0, "listed": 2, "finished": 1}
        more = {"fates": {}, "in_flight": (), "frames": {}, "footage_seconds": 0.0, "hours_per_hour": 0.0}
        display.show(State(**state, **more, nodes=(Node("a", 4, 1),)))
    assert "1 node, 1 GPU" in file.read_text()


def _nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


def test_no_cluster() -> None:
    with pytest.raises(UsageError) as caught, session(f"ray://{_nobody()}"):
        pass
    assert str(caught.value).endswith("Connection refused. Start one, or use --address local for a local one.")


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_MODELS", str(tmp_path))
    monkeypatch.setenv("REDACT_MODELS_MIRROR", f"http://{_nobody()}")
    with pytest.raises(WeightsError, match=r"nobody answers there: .*refused\. Check the network") as caught:
        pull(load_card("yunet"))
    assert "goes on" not in str(caught.value)


def test_a_report_names_its_maker_once(plain_clip: Path, tmp_path: Path) -> None:
    asked = {"id": "1", "source": str(plain_clip), "operator": "window 3", "purpose": "a test", "legal_basis": "none"}
    (tmp_path / "r.jsonl").write_text(json.dumps(asked))
    assert redact("batch", "r.jsonl", "-o", "out", cwd=tmp_path).returncode == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Made by redact 0." in page
