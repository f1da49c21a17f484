"""Files of requests: the three formats say the same, and everything that is wrong is said at once with its line."""

from __future__ import annotations

import csv
import io
import json
import pickle
from fractions import Fraction
from pathlib import Path

import pytest
from asking import problems_of, read_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redact.batch.problems import RequestError
from redact.batch.requests import Surroundings, parse_requests, request_sha256
from redact.batch.rows import COLUMNS, read_rows, toml_lines
from redact.errors import UsageError
from redact.period import format_time

ROOT = Path(__file__).parents[2]


# --- the three formats ---


@pytest.mark.parametrize("name", ["requests.csv", "requests.jsonl"])
def test_the_examples_say_the_same_in_every_format(folder: Path, name: str) -> None:
    examples = ROOT / "pipelines" / "examples"
    toml, other = (read_text(folder, n, (examples / n).read_bytes()) for n in ("requests.toml", name))
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
        batches.append([j.request for j in read_text(folder, f"r.{kind}", example).jobs])
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
    (job,) = read_text(folder, "r.toml", text).jobs
    assert (job.request.id, job.request.operator, job.request.purpose) == ("7", "o", "own")
    assert job.policy.name == "export-batch"
    wrong = problems_of(folder, "r.toml", text.replace('operator = "o"', 'operator = "-"\nsource = "x"'))
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
    assert [(line, field) for line, field, _ in problems_of(folder, "r.toml", text)] == [
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
        read_text(folder, "r.toml", text)
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
    wrong = problems_of(folder, "r.jsonl", f"{good}\n\n{line}\n{good}")
    assert {n for n, _, _ in wrong} == {3}
    assert any(problem in sentence for _, _, sentence in wrong)


def test_toml_that_is_none(folder: Path) -> None:
    ((line, _, sentence),) = problems_of(folder, "r.toml", '[[request]]\nid = "1"\nstart = 1:20\n')
    assert (line, "not valid TOML" in sentence) == (3, True)
    assert "double brackets" in problems_of(folder, "r.toml", '[request]\nid = "1"\n')[0][2]
    assert "not UTF-8" in problems_of(folder, "r.toml", "a = 1\n# 编号".encode("gb18030"))[0][2]
