"""A release of an earlier run counts as done only where it is whole, here and at the address that it goes to."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec
import pytest
from here import Here

import redact
from redact import stills
from redact.batch import carry
from redact.batch.places import Delivery, fetched
from redact.batch.results import Fate, RequestResult
from redact.batch.run import prepare, run_batch
from redact.errors import UsageError
from redact.staging import quarantine_folder

EVERY = {"operator": "07", "purpose": "a test", "legal_basis": "none needed"}
ROW = {"id": "r1", "source": "a.png", "output": "r.png"}
NAMES = ("r.png", "r.png.record.json", "r.png.plan.json")


@pytest.fixture
def pictures(two_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Detectors see nothing in them."""
    monkeypatch.setattr(stills, "find_still", lambda *_: ())
    monkeypatch.setattr(stills, "find", lambda *_: iter(()))
    return two_pictures


def _carry_out(folder: Path, *rows: dict[str, Any], output: str = "", at_once: int = 1) -> Sequence[RequestResult]:
    file = folder / "requests.jsonl"
    file.write_text("".join(json.dumps(EVERY | r) + "\n" for r in rows))
    batch, journal, place = prepare(file, output or str(folder / "out"), "public-release", redact.policy_of)
    return run_batch(batch, journal, place, Here(), at_once=at_once, nodes=tuple, tell=lambda told: None).results


def _there(address: str) -> dict[str, bytes]:
    files, root = fsspec.core.url_to_fs(address)
    return {name.rpartition("/")[2]: files.cat_file(name) for name in files.find(root)}


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:500])


def _another(file: Path) -> None:
    shutil.copy(file.parents[1] / "b.png", file)


@pytest.mark.parametrize("old_journal", [False, True])
@pytest.mark.parametrize("spoilt", [_truncated, _another])
def test_a_release_that_is_not_whole_is_made_again(spoilt: Any, old_journal: bool, pictures: Path) -> None:
    _carry_out(pictures, ROW)
    out = pictures / "out"
    release = (out / "r.png").read_bytes()
    spoilt(out / "r.png")
    lay_there = (out / "r.png").read_bytes()
    for entry in (out / ".batch" / "done").iterdir():
        said = json.loads(entry.read_text())
        assert said.pop("output_sha256")
        if old_journal:
            entry.write_text(json.dumps(said))
    (result,) = _carry_out(pictures, ROW)
    assert (result.fate, result.earlier) == (Fate.RELEASED, False)
    assert (out / "r.png").read_bytes() == release
    assert (out / "r.png.replaced-1").read_bytes() == lay_there, "it may be a person's"
    assert "'r.png.replaced-1'" in result.notes[-1]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_deleted_is_made_again(name: str, pictures: Path) -> None:
    _carry_out(pictures, ROW)
    before = {n: (pictures / "out" / n).read_bytes() for n in NAMES if "record" not in n}
    (pictures / "out" / name).unlink()
    (result,) = _carry_out(pictures, ROW)
    assert (result.fate, result.earlier, result.reason) == (Fate.RELEASED, False, "")
    assert {n: (pictures / "out" / n).read_bytes() for n in before} == before
    assert (pictures / "out" / "r.png.record.json").is_file()


def test_what_replaced_a_release_without_its_record_stays(pictures: Path) -> None:
    _carry_out(pictures, ROW)
    (pictures / "out" / "r.png.record.json").unlink()
    shutil.copy(pictures / "b.png", pictures / "out" / "r.png")
    (result,) = _carry_out(pictures, ROW)
    assert result.fate is Fate.REFUSED
    assert "exists already" in result.reason
    assert (pictures / "out" / "r.png").read_bytes() == (pictures / "b.png").read_bytes()


def test_a_second_address_gets_all_of_it(pictures: Path) -> None:
    _carry_out(pictures, ROW, output="memory://first")
    (result,) = _carry_out(pictures, ROW, output="memory://second")
    assert (result.fate, result.earlier) == (Fate.RELEASED, True), "it is not made again"
    assert {n: _there("memory://second")[n] for n in NAMES} == {n: _there("memory://first")[n] for n in NAMES}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("here", [True, False])
def test_what_is_missing_at_an_address_is_delivered_again(here: bool, name: str, pictures: Path) -> None:
    address = f"memory://missing-{here}-{name}"
    _carry_out(pictures, ROW, output=address)
    fsspec.filesystem("memory").rm_file(f"{address.removeprefix('memory:/')}/{name}")
    if not here:
        (pictures / "requests.batch" / "r.png").unlink()
    (result,) = _carry_out(pictures, ROW, output=address)
    assert (result.fate, result.earlier) == (Fate.RELEASED, here)
    found = _there(address)
    assert {n: found[n] for n in NAMES} == {n: (pictures / "requests.batch" / n).read_bytes() for n in NAMES}


def test_what_replaced_a_release_at_an_address_is_set_aside(pictures: Path) -> None:
    address = "memory://replaced"
    _carry_out(pictures, ROW, output=address)
    another = (pictures / "b.png").read_bytes()
    fsspec.filesystem("memory").pipe_file("/replaced/r.png", another)
    (result,) = _carry_out(pictures, ROW, output=address)
    assert (result.fate, result.earlier) == (Fate.RELEASED, True)
    assert "'r.png.replaced-1'" in result.notes[-1]
    found = _there(address)
    assert found["r.png"] == (pictures / "requests.batch" / "r.png").read_bytes()
    assert found["r.png.replaced-1"] == another


def test_a_quarantine_is_set_aside_beside_what_was_done_before(pictures: Path) -> None:
    """The source was another for one run, which ended in quarantine."""
    _carry_out(pictures, ROW)
    quarantine_folder(pictures / "out" / "r.png").mkdir()
    (result,) = _carry_out(pictures, ROW)
    assert result.earlier
    assert not quarantine_folder(pictures / "out" / "r.png").exists()
    assert (pictures / "out" / "r.png.earlier-quarantine-1").is_dir()


def test_a_source_at_an_address_is_fetched_once_at_a_time(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/footage/a.png", (pictures / "a.png").read_bytes())
    rows = [{"id": f"r{n}", "source": "memory://footage/a.png"} for n in range(4)]
    _carry_out(pictures, *rows)
    at_work, fetching = threading.Lock(), []

    def slowly(*given: Any) -> Path:
        fetching.append(at_work.acquire(blocking=False))
        time.sleep(0.05)
        try:
            return fetched(*given)
        finally:
            if fetching[-1]:
                at_work.release()

    monkeypatch.setattr(carry, "fetched", slowly)
    assert [r.earlier for r in _carry_out(pictures, *rows, at_once=4)] == [True] * 4
    assert fetching == [True] * 4


def test_a_copy_that_a_stopped_run_left_is_not_trusted(pictures: Path) -> None:
    """The source at the address was replaced meanwhile, perhaps because it showed too much."""
    address = "memory://footage/late.png"
    files = fsspec.filesystem("memory")
    files.pipe_file("/footage/late.png", (pictures / "b.png").read_bytes())
    row = {"id": "late", "source": address, "output": "late.png"}
    (pictures / "requests.jsonl").write_text(json.dumps(EVERY | row))
    _, journal, _ = prepare(pictures / "requests.jsonl", str(pictures / "out"), "public-release", redact.policy_of)
    copy = fetched(address, journal.scratch(address))
    shutil.copy(pictures / "a.png", copy)
    _carry_out(pictures, row)
    record = json.loads((pictures / "out" / "late.png.record.json").read_text())
    assert record["source"]["sha256"] == hashlib.sha256((pictures / "b.png").read_bytes()).hexdigest()


def test_a_release_that_could_not_be_delivered_is_finished(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Delivery, file: Path, name: str, *, force: bool = True) -> None:
        if name in NAMES:  # not the table and the report
            raise UsageError(f"{name}: cannot be delivered.", "Check the address and run again; finished work is kept.")

    with monkeypatch.context() as patch:
        patch.setattr(Delivery, "put", full)
        (result,) = _carry_out(pictures, ROW, output="memory://full")
    assert result.fate is Fate.REFUSED
    assert "cannot be delivered" in result.reason
    assert "earlier release" not in result.reason
    assert f"finished and verified here: '{pictures / 'requests.batch' / 'r.png'}'" in result.reason
    (result,) = _carry_out(pictures, ROW, output="memory://full")
    assert (result.fate, result.earlier) == (Fate.RELEASED, True), "finished work is kept"
    assert set(NAMES) <= set(_there("memory://full"))


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_what_appears_during_the_work_stays(
    name: str, links: bool, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system has no links, too."""

    def somebody_writes(*_: Any) -> tuple[()]:
        (pictures / "out" / name).write_text("a person's")
        return ()

    def none(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr("os.link", none)
    monkeypatch.setattr(stills, "find_still", somebody_writes)
    (result,) = _carry_out(pictures, ROW)
    assert result.fate is Fate.REFUSED
    assert f"{name}': exists already: somebody put it there during the work." in result.reason
    assert "earlier release" not in result.reason
    assert [p.name for p in (pictures / "out").iterdir() if p.name.startswith("r.png")] == [name]
    assert (pictures / "out" / name).read_text() == "a person's"


def test_of_two_batches_that_deliver_one_name_the_second_is_refused(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, files = "memory://raced", fsspec.filesystem("memory")
    theirs = {n: f"their {n}".encode() for n in NAMES}

    def others_deliver(*_: Any) -> tuple[()]:
        for name, data in theirs.items():
            files.pipe_file(f"/raced/{name}", data)
        return ()

    monkeypatch.setattr(stills, "find_still", others_deliver)
    (result,) = _carry_out(pictures, ROW, output=address)
    assert result.fate is Fate.REFUSED
    assert "exists already" in result.reason
    assert theirs.items() <= _there(address).items()


def test_what_appears_while_it_is_delivered_stays(pictures: Path) -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/appears/a.png", b"theirs")
    with pytest.raises(UsageError, match="exists already"):
        Delivery("memory://appears").put(pictures / "a.png", "a.png", force=False)
    assert _there("memory://appears") == {"a.png": b"theirs"}
