"""Ids of requests, names of releases, and where sources are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from asking import problems_of, read_text

from redact.api import policy_of
from redact.batch.jobs import read_batch
from redact.batch.problems import RequestError
from redact.batch.sources import find_sources
from redact.errors import RecipeError, UsageError

ROOT = Path(__file__).parents[2]


def _line(identity: str, source: str = "footage/lobby.mp4", output: str = "", purpose: str = "p") -> str:
    return json.dumps(
        {"id": identity, "source": source, "output": output, "purpose": purpose, "legal_basis": "l", "operator": "o"}
    )


def test_a_request_listed_twice_is_one(folder: Path) -> None:
    batch = read_text(folder, "r.jsonl", "\n".join([_line("1"), _line("2"), _line("1")]))
    assert [j.id for j in batch.jobs] == ["1", "2"]
    assert len(batch.notices) == 1
    assert "line 3: '1' is the same request as on line 1" in batch.notices[0]
    wrong = problems_of(folder, "r.jsonl", "\n".join([_line("1"), _line("1", purpose="q")]))
    assert wrong == [(2, "id", "'1' stands on line 1 already, for another request")]


def test_what_was_done_before_is_not_done_again(folder: Path) -> None:
    lines = "\n".join([_line("1"), _line("2")])
    done = {j.id: j.sha256 for j in read_text(folder, "r.jsonl", lines).jobs}
    batch = read_text(folder, "again.jsonl", f"{lines}\n{_line('3')}", **done)
    assert ([j.id for j in batch.jobs], [j.id for j in batch.done]) == (["3"], ["1", "2"])
    wrong = problems_of(folder, "r.jsonl", "\n".join([_line("1"), _line("2", purpose="other")]), **done)
    assert [(line, field) for line, field, _ in wrong] == [(2, "id")]
    # Another recipe of the same name is other content too.
    shutil.copy(ROOT / "pipelines" / "public-release.toml", folder / "own.toml")
    own = json.loads(_line("5")) | {"recipe": "./own.toml"}
    done = {j.id: j.sha256 for j in read_text(folder, "r.jsonl", json.dumps(own)).jobs}
    recipe = folder / "own.toml"
    recipe.write_text(recipe.read_text().replace("crf = 20", "crf = 21"))
    assert "other content" in problems_of(folder, "r.jsonl", json.dumps(own), **done)[0][2]


def test_a_glob_makes_numbered_jobs_in_the_order_of_names(folder: Path) -> None:
    batch = read_text(folder, "r.jsonl", "\n".join([_line("7", "footage/gate-*"), _line("8", "**/gate-*", "gate.mp4")]))
    assert [(j.id, j.source.listed, j.output) for j in batch.jobs] == [
        ("7-001", "footage/gate-a.mp4", "7-001_gate-a.mp4"),
        ("7-002", "footage/gate-b.mov", "7-002_gate-b.mov"),
        ("7-003", "footage/gate-c.mp4", "7-003_gate-c.mp4"),
        ("8-001", "footage/gate-a.mp4", "gate-001.mp4"),
        ("8-002", "footage/gate-b.mov", "gate-002.mp4"),
        ("8-003", "footage/gate-c.mp4", "gate-003.mp4"),
    ]
    assert all(Path(j.source.location).is_file() for j in batch.jobs)
    wrong = problems_of(folder, "r.jsonl", "\n".join([_line("7", "footage/gate-*"), _line("7-002")]))
    assert any(line == 2 and "'7-002' is the id of a job of line 1" in s for line, _, s in wrong)


def test_a_name_that_exists_is_itself_whatever_is_in_it(folder: Path) -> None:
    for name in ("cam[1]*?.mp4", "cam1.mp4", "-rf 空 格\n'\".mp4"):
        (folder / name).touch()
        (job,) = read_text(folder, "r.jsonl", _line("1", name)).jobs
        assert job.source.location == str(folder / name)
        assert job.output.isprintable()
        assert not set(job.output) & set('/\\:*?"<>|')


def test_default_names(folder: Path) -> None:
    lines = [_line("渝公/2026:第3号", "footage/old.dav"), _line("../..", "footage/still.jpg"), _line("x" * 100)]
    with pytest.raises(RequestError, match="says nothing"):
        read_text(folder, "r.jsonl", lines[1])
    names = [j.output for j in read_text(folder, "r.jsonl", "\n".join([lines[0], lines[2]])).jobs]
    assert names[0] == "渝公_2026_第3号_old.mp4"
    long = "长" * 80 + ".mp4"
    (folder / long).touch()
    (job,) = read_text(folder, "r.jsonl", _line("1", long)).jobs
    assert len(job.output.encode()) <= 200
    assert job.output.endswith("长.mp4")


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/x.mp4", "../x.mp4", "a/b.mp4", "a\\b.mp4", "..", ".hidden.mp4", "a\nb.mp4", "a\x1b[31m.mp4"),
        *("a\u202e4pm.mp4", "长" * 67 + ".mp4", "x.exe", "x", "x.mp4.", "c:x.mp4", "what?.mp4", "a.jpg"),
        *("a\u200b.mp4", "a\ud800.mp4"),
    ],
)
def test_names_that_are_not_safe_are_refused(folder: Path, name: str) -> None:
    ((line, field, sentence),) = problems_of(folder, "r.jsonl", _line("1", output=name))
    assert (line, field) == (1, "output")
    assert sentence


def test_a_leading_dash_is_a_name(folder: Path) -> None:
    assert read_text(folder, "r.jsonl", _line("1", output="-rf.mp4")).jobs[0].output == "-rf.mp4"


def test_two_releases_cannot_have_one_name(folder: Path) -> None:
    lines = [_line("1", output="Gate.mp4"), _line("2", output="gate.MP4"), _line("a/b"), _line("a:b")]
    wrong = problems_of(folder, "r.jsonl", "\n".join(lines))
    assert [(line, field) for line, field, _ in wrong] == [(2, "output"), (4, "output")]
    assert "the release of '1' (line 1)" in wrong[0][2]


def test_addresses(folder: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("/bucket/b.mp4", "/bucket/a 1.mp4", "/bucket/c.txt"):
        memory.pipe(name, b"")
    lines = [_line("1", "memory://bucket/*.mp4"), _line("2", "memory://bucket/c.txt")]
    jobs = read_text(folder, "r.jsonl", "\n".join(lines)).jobs
    assert [j.output for j in jobs] == ["1-001_a_1.mp4", "1-002_b.mp4", "2_c.mp4"]
    assert all(fsspec.open(j.source.location).fs.isfile(j.source.location) for j in jobs)
    for address, reason in (
        ("memory://bucket/none-*.mp4", "no file at"),
        ("memory://bucket/none.mp4", "no file at"),
        ("nosuch://x/y.mp4", "cannot be reached"),
        ("sftp://user:secret@host/x.mp4", "password"),
    ):
        ((_, field, sentence),) = problems_of(folder, "r.jsonl", _line("1", address))
        assert (field, reason in sentence, "secret" in sentence) == ("source", True, False)


def test_errors_cannot_steer_a_terminal(folder: Path) -> None:
    with pytest.raises(RequestError) as e:
        read_text(folder, "r.jsonl", _line("1", "\x1b[2J.mp4") + '\n{"\\u001b[2J\\u202e": 1}')
    assert all(c.isprintable() or c == "\n" for c in str(e.value))


def test_files_that_hold_no_requests(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_batch(folder / "none.csv", "public-release", policy_of)
    with pytest.raises(UsageError, match=r"\.toml, \.csv"):
        read_text(folder, "r.xlsx", b"PK")
    with pytest.raises(RecipeError, match="no such recipe"):
        read_batch(folder / "none.csv", "no-such", policy_of)


def test_patterns_match_no_releases(folder: Path) -> None:
    """Neither what lies where the batch leaves its releases, nor a release elsewhere, nor what is in quarantine."""
    listed = find_sources("**/*.mp4", folder)
    out = folder / "releases"
    for made in (
        out / "r1_lobby.mp4",
        out / "older" / "person.mp4",
        folder / "elsewhere" / "x.mp4",
        folder / "elsewhere" / "y.mp4.quarantine" / "unreleased.mp4",
        folder / "elsewhere" / "y.mp4.earlier-quarantine-2" / "unreleased.mp4",
    ):
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(b"12345")
    record = {"output": {"name": "x.mp4", "sha256": "", "bytes": 5}}
    (folder / "elsewhere" / "x.mp4.record.json").write_text(json.dumps(record))
    assert find_sources("**/*.mp4", folder, str(out)) == listed
    assert find_sources("footage/*.mp4", folder, str(folder / "footage")) == find_sources("footage/*.mp4", folder)
    assert [f.listed for f in find_sources("releases/*.mp4", folder, str(out))] == ["releases/r1_lobby.mp4"]
    assert [f.listed for f in find_sources("elsewhere/x.mp4", folder, str(out))] == ["elsewhere/x.mp4"], "it is named"


def test_patterns_match_no_releases_at_an_address(folder: Path) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    for name in ("a.mp4", "r1_a.mp4", "r1_a.mp4.record.json", "b.mp4.quarantine/unreleased.mp4"):
        files.pipe_file(f"/patterns/{name}", b"12345")
    assert [f.listed for f in find_sources("memory://patterns/**/*.mp4", folder)] == ["memory://patterns/a.mp4"]
