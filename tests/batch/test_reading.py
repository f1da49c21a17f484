"""Files of requests: the three formats say the same, and everything that is wrong is said at once with its line."""

from __future__ import annotations

import csv
import io
import json
import pickle
import random
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from redact.api import policy_of
from redact.batch.jobs import Batch, read_batch
from redact.batch.problems import RequestError
from redact.batch.requests import Surroundings, parse_requests, request_sha256
from redact.batch.rows import COLUMNS, read_rows, toml_lines
from redact.errors import RecipeError, UsageError
from redact.period import format_time

ROOT = Path(__file__).parents[2]
HEAD = "id,source,purpose,legal_basis,operator"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with footage in it, so far as names go: nothing here opens it."""
    (tmp_path / "footage").mkdir()
    for name in ("lobby.mp4", "gate-b.mov", "gate-c.mp4", "gate-a.mp4", "yard.mkv", "still.jpg", "old.dav"):
        (tmp_path / "footage" / name).touch()
    return tmp_path


def _read(folder: Path, name: str, content: str | bytes, **seen: str) -> Batch:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_batch(file, "public-release", lambda name: policy_of(name), seen)


def _wrong(folder: Path, name: str, content: str | bytes, **seen: str) -> list[tuple[int, str, str]]:
    with pytest.raises(RequestError) as e:
        _read(folder, name, content, **seen)
    return [(p.line, p.field, p.sentence) for p in e.value.problems]


# --- the three formats ---


@pytest.mark.parametrize("name", ["requests.csv", "requests.jsonl"])
def test_the_examples_say_the_same_in_every_format(folder: Path, name: str) -> None:
    examples = ROOT / "pipelines" / "examples"
    toml, other = (_read(folder, n, (examples / n).read_bytes()) for n in ("requests.toml", name))
    assert [j.request for j in toml.jobs] == [j.request for j in other.jobs]
    assert [j.sha256 for j in toml.jobs] == [j.sha256 for j in other.jobs]
    first = toml.jobs[0].request
    assert (first.period.start, first.period.end) == (80, Fraction(251, 2))
    assert [z.label for z in first.zones] == ["screen front desk", "gate"]


def test_the_documentation_is_true(folder: Path) -> None:
    text = (ROOT / "docs" / "requests.md").read_text(encoding="utf-8")
    batches = []
    for kind in ("csv", "toml", "jsonl"):
        example = text.split(f"```{kind}\n")[1].split("```")[0]
        batches.append([j.request for j in _read(folder, f"r.{kind}", example).jobs])
    assert batches[0] == batches[1] == batches[2]
    for column, names in COLUMNS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{column}` |"))
        assert row.split("|")[2].split() == list(names)


words = st.text(st.sampled_from("ab1 ;|,\"'\n=é渝北（）：@#[]{}\\/"), max_size=12).map(lambda t: "x" + t)
times = st.integers(0, 10**11).map(lambda n: Fraction(n, 10**6))


@st.composite
def asked(draw: st.DrawFn) -> dict[str, str]:
    """The fields of a request, as a clerk would type them into cells."""
    a, b = sorted(draw(st.lists(times, min_size=2, max_size=2, unique=True)))
    fields = {f: draw(words) for f in ("id", "purpose", "legal_basis", "operator", "requester")}
    fields["source"] = "any.mp4"
    if draw(st.booleans()):
        fields |= {"start": format_time(a), "end": str(float(b)) if b * 2 == int(b * 2) else format_time(b)}
    if draw(st.booleans()):
        fields["zones"] = f"gate east @ {format_time(a)}-{format_time(b)}: 0.25,0 1,0 1,1; 屏幕：10，10 90，10 50，60"
    if draw(st.booleans()):
        fields["mute"] = f"{format_time(a)}-{format_time(b)}|{format_time(a)} - {format_time(b)}"
    return fields


def _as_csv(requests: list[dict[str, str]], delimiter: str) -> str:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(COLUMNS), delimiter=delimiter)
    table.writeheader()
    table.writerows(requests)
    return text.getvalue()


def _as_toml(requests: list[dict[str, str]]) -> str:
    # A JSON string is a TOML basic string, but for characters beyond the basic plane, which are not used here.
    return "\n".join("[[request]]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in r.items()) for r in requests)


_ANYWHERE = Surroundings(lambda _: None, lambda _: None)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(asked(), min_size=1, max_size=4),
    st.sampled_from([("utf-8-sig", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("gb18030", ",")]),
)
def test_every_format_gives_equal_requests(requests: list[dict[str, str]], table: tuple[str, str]) -> None:
    encoding, delimiter = table
    mark = "\ufeff" if encoding == "gb18030" else ""
    texts = {
        ".csv": (mark + _as_csv(requests, delimiter)).encode(encoding),
        ".toml": _as_toml(requests).encode(),
        ".jsonl": "\n".join(json.dumps(r, ensure_ascii=False) for r in requests).encode(),
    }
    found = {}
    for suffix, data in texts.items():
        listings, problems = parse_requests(read_rows(data, suffix, "r"), "r", "public-release", _ANYWHERE)
        assert not problems, problems
        found[suffix] = [x.request for x in listings]
    assert found[".csv"] == found[".toml"] == found[".jsonl"]
    digests = {request_sha256(r) for r in found[".csv"] if r}
    assert len(digests) == len(set(found[".csv"]))


# --- tables as spreadsheets save them ---

CHINESE = "编号,源文件,用途,法律依据,操作人\n1,footage/lobby.mp4,信息公开,第二十七条,张喆\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_understood_however_it_was_saved(folder: Path, encoding: str, delimiter: str, end: str) -> None:
    data = CHINESE.replace(",", delimiter).replace("\n", end).encode(encoding)
    (job,) = _read(folder, "r.csv", data).jobs
    assert (job.request.operator, job.request.purpose, job.request.line) == ("张喆", "信息公开", 2)


def test_english_columns_with_chinese_cells_in_either_encoding(folder: Path) -> None:
    text = f"{HEAD}\n1,footage/lobby.mp4,道路交通事故宣传,道路交通安全法,窗口\n"
    for encoding in ("utf-8", "gb18030"):
        assert _read(folder, "r.csv", text.encode(encoding)).jobs[0].request.operator == "窗口"


def test_an_encoding_is_never_guessed(folder: Path) -> None:
    # C3 A9 is "é" in UTF-8 and "茅" in GB18030, and both are names.
    text = f"{HEAD}\n1,footage/lobby.mp4,p,l,".encode() + b"\xc3\xa9\n"
    ((line, _, sentence),) = _wrong(folder, "r.csv", text)
    assert line == 1
    assert "'é'" in sentence
    assert "'茅'" in sentence
    assert _read(folder, "r.csv", b"\xef\xbb\xbf" + text).jobs[0].request.operator == "é"
    chinese = CHINESE.split("\n")[0].encode("gb18030") + b"\n1,footage/lobby.mp4,p,l,\xc3\xa9\n"
    assert _read(folder, "r.csv", chinese).jobs[0].request.operator == "茅"
    # C3 A0 is "à", and a character that is in GB18030 alone, as in some names.
    assert "'à'" in _wrong(folder, "r.csv", text.replace(b"\xa9", b"\xa0"))[0][2]
    assert "neither UTF-8 nor GB18030" in _wrong(folder, "r.csv", text + b"\xff\xff")[0][2]
    assert "zero bytes" in _wrong(folder, "r.csv", "id,source".encode("utf-16-le"))[0][2]


def _operator(name: str, encoding: str) -> str | None:
    """What a cell reads as in a table that is ASCII but for it; None where the table is refused."""
    rows = read_rows(f"{HEAD}\n1,s,p,l,{name}\n".encode(encoding), ".csv", "r")
    return None if rows.problems else rows.requests[0].values["operator"]


everyday = st.tuples(st.integers(0xB0, 0xF7), st.integers(0xA1, 0xF9)).map(lambda b: bytes(b).decode("gb2312"))


@settings(max_examples=250)
@given(st.text(st.characters(min_codepoint=0xA1, max_codepoint=0x9FA5), min_size=1, max_size=20))
@example("中文")
def test_utf8_is_never_taken_for_anything_else(name: str) -> None:
    assert _operator(name.strip(), "utf-8") in (None, name.strip())


@settings(max_examples=250)
@given(st.lists(everyday, min_size=1, max_size=20).map("".join))
@example("茅")
@example(bytes.fromhex("E5B1B1E5B1B1").decode("gb2312"))  # "山山" in UTF-8
def test_everyday_gb18030_is_never_taken_for_anything_else(name: str) -> None:
    assert _operator(name, "gb18030") in (None, name)


def test_a_table_with_a_few_chinese_words_is_not_refused() -> None:
    common = [bytes((a, b)).decode("gb2312") for a in range(0xB0, 0xD7) for b in range(0xA1, 0xFF)]
    chance = random.Random(1)
    for encoding in ("utf-8", "gb18030"):
        for _ in range(300):
            words = "".join(chance.choices(common, k=12))
            assert _operator(words, encoding) == words


def test_blank_lines_and_empty_columns_do_not_matter_and_lines_still_count(folder: Path) -> None:
    text = f'\n{HEAD},,\n\n1,footage/lobby.mp4,"two\nlines",l,o,,,,\n,,,,\n2,footage/nope.mp4,p,l,o\n'
    assert [(line, field) for line, field, _ in _wrong(folder, "r.csv", text)] == [(7, "source")]
    (job,) = _read(folder, "r.csv", text.replace("nope", "lobby").replace("2,f", "1,f").rsplit("\n", 2)[0]).jobs
    assert job.request.purpose == "two lines"


def test_what_is_wrong_with_a_table(folder: Path) -> None:
    assert _wrong(folder, "r.csv", f"{HEAD},Operater\n")[0] == (
        1,
        "Operater",
        "is not a column that requests have (did you mean 'operator'?)",
    )
    assert "two columns for 'operator'" in _wrong(folder, "r.csv", f"{HEAD},操作人\n")[0][2]
    assert "must name the columns" in _wrong(folder, "r.csv", "1,a.mp4,p,l,o\n")[0][2]
    assert _wrong(folder, "r.csv", f"{HEAD}\n1,footage/lobby.mp4,p,l,o,more\n")[0][::2] == (
        2,
        "cell 6, 'more', stands under no column name",
    )
    unclosed = f'{HEAD}\n1,footage/lobby.mp4,p,l,o\n2,footage/lobby.mp4,"p,l,o\n3,x\n'
    assert [(n, "quotation marks" in s) for n, _, s in _wrong(folder, "r.csv", unclosed)] == [(3, True)]
    for empty in ("", HEAD, "\n\n"):
        assert "no request" in _wrong(folder, "r.csv", empty)[0][2]


# --- TOML and JSON Lines ---


def test_lines_of_toml_are_not_misled_by_strings() -> None:
    text = (
        'a = """\n[[request]]\nid = 1\n"""\n# [[request]]\n[[request]]\nid = "x"\nzones = [\n  "[[request]]",\n]\n'
        "'purpose' = 1\n[[request.mute]]\nstart = 1\n[[request.mute]]\nend = 2\n[[request]]\nx.y = 3\nid='#'\n"
    )
    lines = toml_lines(text)
    assert lines[("a",)] == 1
    assert lines[("request", 0)] == 6
    assert lines[("request", 0, "zones")] == 8
    assert lines[("request", 0, "purpose")] == 11
    assert lines[("request", 0, "mute", 1, "end")] == 15
    assert lines[("request", 1)] == 16
    assert lines[("request", 1, "x", "y")] == 17
    assert lines[("request", 1, "id")] == 18


def test_defaults_hold_where_a_request_says_nothing_else(folder: Path) -> None:
    head = '[defaults]\noperator = "o"\npurpose = "p"\nlegal_basis = "l"\nrecipe = "export-batch"\n'
    text = head + '[[request]]\nid = 7\nsource = "footage/lobby.mp4"\noperator = " "\npurpose = "own"\n'
    (job,) = _read(folder, "r.toml", text).jobs
    assert (job.request.id, job.request.operator, job.request.purpose) == ("7", "o", "own")
    assert job.policy.name == "export-batch"
    wrong = _wrong(folder, "r.toml", text.replace('operator = "o"', 'operator = "-"\nsource = "x"'))
    assert [(line, field) for line, field, _ in wrong] == [(2, "default operator"), (3, "default source")]


def test_all_errors_are_shown_at_once_each_with_its_line(folder: Path) -> None:
    text = """[defaults]
legal_basis = "l"
[[request]]
id = "a"
source = "footage/lobby.mp4"
operator = "--"
output = "x.txt"
colour = "red"
zones = ["screen: 0,0 1,1 1,0 0,1"]
start = "9:99"
[[request]]
id = "a"
source = "footage/nope-*.mp4"
purpose = "p"
operator = "o"
recipe = "no-such"
start = 20
end = "0:10"
[[request.zones]]
kind = "gate"
points = [[0, 0], [0.5, 0], [1.5, 1]]
[[request]]
id = "b"
source = "footage"
purpose = "p"
operator = "o"
start = 10
end = 20
mute = ["30-40", "5-15"]
[sundry]
"""
    assert [(line, field) for line, field, _ in _wrong(folder, "r.toml", text)] == [
        (3, "purpose"),
        (6, "operator"),
        (8, "colour"),
        (9, "zones 1, points"),
        (10, "start"),
        (12, "id"),
        (13, "source"),
        (16, "recipe"),
        (18, "end"),
        (21, "zones 1, points"),
        (24, "source"),
        (29, "mute"),
        (30, "sundry"),
    ]
    with pytest.raises(RequestError) as e:
        _read(folder, "r.toml", text)
    assert isinstance(e.value, UsageError)
    assert e.value.exit_code == 2
    assert str(e.value).count("r.toml, line ") == 13
    again = pickle.loads(pickle.dumps(e.value))
    assert (str(again), again.problems) == (str(e.value), e.value.problems)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": 1', "not valid JSON"),
        ("[1]", "one JSON object"),
        ('{"id": "a", "id": "b"}', "is there twice"),
        ('{"id": NaN}', "NaN is no number"),
        ('{"id": "a", "start": 1e999999999999999999999}', "JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"id": "\\ud800"}', "cannot be seen"),
        ('{"defaults": {"operator": "o"}}', "on the first line"),
    ],
)
def test_what_is_wrong_with_json_lines(folder: Path, line: str, problem: str) -> None:
    good = '{"id": "1", "source": "footage/lobby.mp4", "purpose": "p", "legal_basis": "l", "operator": "o"}'
    wrong = _wrong(folder, "r.jsonl", f"{good}\n\n{line}\n{good}")
    assert {n for n, _, _ in wrong} == {3}
    assert any(problem in sentence for _, _, sentence in wrong)


def test_toml_that_is_none(folder: Path) -> None:
    ((line, _, sentence),) = _wrong(folder, "r.toml", '[[request]]\nid = "1"\nstart = 1:20\n')
    assert (line, "not valid TOML" in sentence) == (3, True)
    assert "double brackets" in _wrong(folder, "r.toml", '[request]\nid = "1"\n')[0][2]
    assert "not UTF-8" in _wrong(folder, "r.toml", "a = 1\n# 编号".encode("gb18030"))[0][2]


# --- ids, names, sources ---


def _line(identity: str, source: str = "footage/lobby.mp4", output: str = "", purpose: str = "p") -> str:
    return json.dumps(
        {"id": identity, "source": source, "output": output, "purpose": purpose, "legal_basis": "l", "operator": "o"}
    )


def test_a_request_listed_twice_is_one(folder: Path) -> None:
    batch = _read(folder, "r.jsonl", "\n".join([_line("1"), _line("2"), _line("1")]))
    assert [j.id for j in batch.jobs] == ["1", "2"]
    assert len(batch.notices) == 1
    assert "line 3: '1' is the same request as on line 1" in batch.notices[0]
    wrong = _wrong(folder, "r.jsonl", "\n".join([_line("1"), _line("1", purpose="q")]))
    assert wrong == [(2, "id", "'1' stands on line 1 already, for another request")]


def test_what_was_done_before_is_not_done_again(folder: Path) -> None:
    lines = "\n".join([_line("1"), _line("2")])
    done = {j.id: j.sha256 for j in _read(folder, "r.jsonl", lines).jobs}
    batch = _read(folder, "again.jsonl", f"{lines}\n{_line('3')}", **done)
    assert ([j.id for j in batch.jobs], [j.id for j in batch.done]) == (["3"], ["1", "2"])
    wrong = _wrong(folder, "r.jsonl", "\n".join([_line("1"), _line("2", purpose="other")]), **done)
    assert [(line, field) for line, field, _ in wrong] == [(2, "id")]
    # Another recipe of the same name is other content too.
    shutil.copy(ROOT / "pipelines" / "public-release.toml", folder / "own.toml")
    own = json.loads(_line("5")) | {"recipe": "./own.toml"}
    done = {j.id: j.sha256 for j in _read(folder, "r.jsonl", json.dumps(own)).jobs}
    recipe = folder / "own.toml"
    recipe.write_text(recipe.read_text().replace("crf = 20", "crf = 21"))
    assert "other content" in _wrong(folder, "r.jsonl", json.dumps(own), **done)[0][2]


def test_a_glob_makes_numbered_jobs_in_the_order_of_names(folder: Path) -> None:
    batch = _read(folder, "r.jsonl", "\n".join([_line("7", "footage/gate-*"), _line("8", "**/gate-*", "gate.mp4")]))
    assert [(j.id, j.source.listed, j.output) for j in batch.jobs] == [
        ("7-001", "footage/gate-a.mp4", "7-001_gate-a.mp4"),
        ("7-002", "footage/gate-b.mov", "7-002_gate-b.mov"),
        ("7-003", "footage/gate-c.mp4", "7-003_gate-c.mp4"),
        ("8-001", "footage/gate-a.mp4", "gate-001.mp4"),
        ("8-002", "footage/gate-b.mov", "gate-002.mp4"),
        ("8-003", "footage/gate-c.mp4", "gate-003.mp4"),
    ]
    assert all(Path(j.source.location).is_file() for j in batch.jobs)
    wrong = _wrong(folder, "r.jsonl", "\n".join([_line("7", "footage/gate-*"), _line("7-002")]))
    assert any(line == 2 and "'7-002' is the id of a job of line 1" in s for line, _, s in wrong)


def test_a_name_that_exists_is_itself_whatever_is_in_it(folder: Path) -> None:
    for name in ("cam[1]*?.mp4", "cam1.mp4", "-rf 空 格\n'\".mp4"):
        (folder / name).touch()
        (job,) = _read(folder, "r.jsonl", _line("1", name)).jobs
        assert job.source.location == str(folder / name)
        assert job.output.isprintable()
        assert not set(job.output) & set('/\\:*?"<>|')


def test_default_names(folder: Path) -> None:
    lines = [_line("渝公/2026:第3号", "footage/old.dav"), _line("../..", "footage/still.jpg"), _line("x" * 100)]
    with pytest.raises(RequestError, match="says nothing"):
        _read(folder, "r.jsonl", lines[1])
    names = [j.output for j in _read(folder, "r.jsonl", "\n".join([lines[0], lines[2]])).jobs]
    assert names[0] == "渝公_2026_第3号_old.mp4"
    long = "长" * 80 + ".mp4"
    (folder / long).touch()
    (job,) = _read(folder, "r.jsonl", _line("1", long)).jobs
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
    ((line, field, sentence),) = _wrong(folder, "r.jsonl", _line("1", output=name))
    assert (line, field) == (1, "output")
    assert sentence


def test_a_leading_dash_is_a_name(folder: Path) -> None:
    assert _read(folder, "r.jsonl", _line("1", output="-rf.mp4")).jobs[0].output == "-rf.mp4"


def test_two_releases_cannot_have_one_name(folder: Path) -> None:
    lines = [_line("1", output="Gate.mp4"), _line("2", output="gate.MP4"), _line("a/b"), _line("a:b")]
    wrong = _wrong(folder, "r.jsonl", "\n".join(lines))
    assert [(line, field) for line, field, _ in wrong] == [(2, "output"), (4, "output")]
    assert "the release of '1' (line 1)" in wrong[0][2]


def test_addresses(folder: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("/bucket/b.mp4", "/bucket/a 1.mp4", "/bucket/c.txt"):
        memory.pipe(name, b"")
    lines = [_line("1", "memory://bucket/*.mp4"), _line("2", "memory://bucket/c.txt")]
    jobs = _read(folder, "r.jsonl", "\n".join(lines)).jobs
    assert [j.output for j in jobs] == ["1-001_a_1.mp4", "1-002_b.mp4", "2_c.mp4"]
    assert all(fsspec.open(j.source.location).fs.isfile(j.source.location) for j in jobs)
    for address, reason in (
        ("memory://bucket/none-*.mp4", "no file at"),
        ("memory://bucket/none.mp4", "no file at"),
        ("nosuch://x/y.mp4", "cannot be reached"),
        ("sftp://user:secret@host/x.mp4", "password"),
    ):
        ((_, field, sentence),) = _wrong(folder, "r.jsonl", _line("1", address))
        assert (field, reason in sentence, "secret" in sentence) == ("source", True, False)


def test_errors_cannot_steer_a_terminal(folder: Path) -> None:
    with pytest.raises(RequestError) as e:
        _read(folder, "r.jsonl", _line("1", "\x1b[2J.mp4") + '\n{"\\u001b[2J\\u202e": 1}')
    assert all(c.isprintable() or c == "\n" for c in str(e.value))


def test_files_that_hold_no_requests(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_batch(folder / "none.csv", "public-release", policy_of)
    with pytest.raises(UsageError, match=r"\.toml, \.csv"):
        _read(folder, "r.xlsx", b"PK")
    with pytest.raises(RecipeError, match="no such recipe"):
        read_batch(folder / "none.csv", "no-such", policy_of)
