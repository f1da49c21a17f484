"""Tables that no Chinese program saved: what would be read as other words than were written is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import HEAD, problems_of, read_text

from redact.batch.encoding import UnclearEncodingError, decode_table

WESTERN = [
    *("Müller", "Löwe", "Größe", "Straße", "François", "Français", "São Paulo", "Škoda", "It’s", "créée"),
    *("PUBLICAÇÃO", "AÇÕES", "SÃO", "PÄÄTÖS", "pääkäyttäjä", "Ångström", "27°N", "“lobby” — “gate”"),
]
CENTRAL = ["Škoda", "Łódzka", "Głąb", "Wałówka", "żółw", "POČÁTEK", "KRÁĽ", "Dvořák"]

# Streets, districts and names as they stand in requests, rare characters and Latin letters among them.
CHINESE = [
    *("朱镕基", "张珺", "陶喆", "窗口A", "G75高速綦江段", "渝中区解放碑B座3号", "潼南、涪陵、綦江", "李祎、王璟A组"),
    *("政府信息公开条例第二十七条", "（渝公）〔2026〕第3号", "监控CCTV视频", "A区和B区", "王"),
]


@pytest.mark.parametrize(
    ("word", "encoding"),
    [(w, "cp1252") for w in WESTERN]
    + [(w, "latin-1") for w in ("Müller", "Löwe", "Français", "São", "AÇÃO")]
    + [(w, "cp1250") for w in CENTRAL]
    + [("Иванов", "cp1251"), ("東京都港区", "shift-jis"), ("臺北市信義區監視器影像", "big5")],
)
def test_a_table_of_another_code_page_is_never_taken_for_chinese(word: str, encoding: str, folder: Path) -> None:
    data = f"{HEAD}\n1,footage/lobby.mp4,p,l,{word} x\n".encode(encoding)
    ((line, _, sentence),) = problems_of(folder, "r.csv", data)
    assert line == 1
    assert "UTF-8" in sentence
    assert 'save it as "CSV UTF-8"' in sentence


def test_many_western_words_are_refused_as_one_is() -> None:
    for encoding, words in (("cp1252", WESTERN), ("cp1250", CENTRAL)):
        with pytest.raises(UnclearEncodingError):
            decode_table("\n".join(f"{w} x" for w in words).encode(encoding))


def test_the_sentence_shows_what_would_have_been_read(folder: Path) -> None:
    data = f"{HEAD}\n1,footage/lobby.mp4,p,l,Müller\n".encode("cp1252")
    assert "'M黮ler'" in problems_of(folder, "r.csv", data)[0][2]


@pytest.mark.parametrize("word", CHINESE)
def test_chinese_tables_are_read_whatever_names_stand_in_them(word: str, folder: Path) -> None:
    columns = "编号,源文件,用途,法律依据,操作人"
    for head, why in ((columns, "l"), (HEAD, "第二十七条")):
        data = f"{head}\n1,footage/lobby.mp4,p,{why},{word}\n".encode("gb18030")
        assert read_text(folder, "r.csv", data).jobs[0].request.operator == word
