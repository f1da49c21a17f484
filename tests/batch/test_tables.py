"""Tables of requests, as spreadsheets save them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from asking import HEAD, problems_of, read_text
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redact.batch.rows import read_rows

CHINESE = "编号,源文件,用途,法律依据,操作人\n1,footage/lobby.mp4,信息公开,第二十七条,张喆\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_understood_however_it_was_saved(folder: Path, encoding: str, delimiter: str, end: str) -> None:
    data = CHINESE.replace(",", delimiter).replace("\n", end).encode(encoding)
    (job,) = read_text(folder, "r.csv", data).jobs
    assert (job.request.operator, job.request.purpose, job.request.line) == ("张喆", "信息公开", 2)


def test_english_columns_with_chinese_cells_in_either_encoding(folder: Path) -> None:
    text = f"{HEAD}\n1,footage/lobby.mp4,道路交通事故宣传,道路交通安全法,窗口\n"
    for encoding in ("utf-8", "gb18030"):
        assert read_text(folder, "r.csv", text.encode(encoding)).jobs[0].request.operator == "窗口"


def test_an_encoding_is_never_guessed(folder: Path) -> None:
    # C3 A9 is "é" in UTF-8 and "茅" in GB18030, and both are names.
    text = f"{HEAD}\n1,footage/lobby.mp4,p,l,".encode() + b"\xc3\xa9\n"
    ((line, _, sentence),) = problems_of(folder, "r.csv", text)
    assert line == 1
    assert "'é'" in sentence
    assert "'茅'" in sentence
    assert read_text(folder, "r.csv", b"\xef\xbb\xbf" + text).jobs[0].request.operator == "é"
    chinese = CHINESE.split("\n")[0].encode("gb18030") + b"\n1,footage/lobby.mp4,p,l,\xc3\xa9\n"
    assert read_text(folder, "r.csv", chinese).jobs[0].request.operator == "茅"
    # C3 A0 is "à", and a character that is in GB18030 alone, as in some names.
    assert "'à'" in problems_of(folder, "r.csv", text.replace(b"\xa9", b"\xa0"))[0][2]
    assert "neither UTF-8 nor GB18030" in problems_of(folder, "r.csv", text + b"\xff\xff")[0][2]
    assert "zero bytes" in problems_of(folder, "r.csv", "id,source".encode("utf-16-le"))[0][2]


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
    assert [(line, field) for line, field, _ in problems_of(folder, "r.csv", text)] == [(7, "source")]
    (job,) = read_text(folder, "r.csv", text.replace("nope", "lobby").replace("2,f", "1,f").rsplit("\n", 2)[0]).jobs
    assert job.request.purpose == "two lines"


def test_what_is_wrong_with_a_table(folder: Path) -> None:
    assert problems_of(folder, "r.csv", f"{HEAD},Operater\n")[0] == (
        1,
        "Operater",
        "is not a column that requests have (did you mean 'operator'?)",
    )
    assert "two columns for 'operator'" in problems_of(folder, "r.csv", f"{HEAD},操作人\n")[0][2]
    assert "must name the columns" in problems_of(folder, "r.csv", "1,a.mp4,p,l,o\n")[0][2]
    assert problems_of(folder, "r.csv", f"{HEAD}\n1,footage/lobby.mp4,p,l,o,more\n")[0][::2] == (
        2,
        "cell 6, 'more', stands under no column name",
    )
    unclosed = f'{HEAD}\n1,footage/lobby.mp4,p,l,o\n2,footage/lobby.mp4,"p,l,o\n3,x\n'
    assert [(n, "quotation marks" in s) for n, _, s in problems_of(folder, "r.csv", unclosed)] == [(3, True)]
    for empty in ("", HEAD, "\n\n"):
        assert "no request" in problems_of(folder, "r.csv", empty)[0][2]
