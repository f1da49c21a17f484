"""The table and the report of a batch: readable, whole, and safe whatever text comes in."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from redact.batch.report import MOST_PICTURES, link, report_html, write_report
from redact.batch.results import BatchSummary, Evidence, Fate, Node, RequestResult
from redact.batch.summary import COLUMNS, safe_cell, summary_head, summary_line, write_summary
from redact.errors import UsageError

HOSTILE = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "\t=1+1",
    "\r\n-2+3",
    '";=HYPERLINK("http://x")',
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egpj.exe\x1b[2J\x00",
    "渝公〔2026〕第3号 ＝1＋1",
    "\udcff.mp4",
]
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def _batch(*results: RequestResult, listed: int | None = None) -> BatchSummary:
    return BatchSummary("requests.csv", len(results) if listed is None else listed, results, START, START, 3600.0)


def _released(name: str = "r-1") -> RequestResult:
    return RequestResult(
        name, "a.mp4", Fate.RELEASED, f"{name}.mp4", 3, 1, 2, 50, 40, 0, 7200.0, 9.0, f"{name}.mp4.json"
    )


class _Page(HTMLParser):
    """Tags with their attributes, and all text, of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if t == tag]


# --- summary.csv ---


def test_the_table_reads_back(tmp_path: Path) -> None:
    results = [_released(), RequestResult("编号 2", "大厅, 1.mp4", Fate.REFUSED, reason='no "video", at all')]
    file = write_summary(tmp_path, results)
    data = file.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 3
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["video_seconds"] == "7200.000"
    assert (rows[1]["id"], rows[1]["source"]) == ("编号 2", "大厅, 1.mp4")
    assert (rows[1]["verdict"], rows[1]["reason"]) == ("refused", 'no "video", at all')
    assert data.decode() == summary_head() + "".join(map(summary_line, results)), "lines can be appended one by one"


def test_no_half_written_table_is_ever_there(tmp_path: Path) -> None:
    write_summary(tmp_path, [_released()])
    before = (tmp_path / "summary.csv").read_bytes()
    with pytest.raises(AttributeError):
        write_summary(tmp_path, [_released(), None])  # type: ignore[list-item]
    assert (tmp_path / "summary.csv").read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["summary.csv"]
    with pytest.raises(UsageError):
        write_summary(tmp_path / "no such folder", [])


@given(st.text(max_size=30))
@example("=1")
@example("a;=1")
@example("\t\t=1")
@example('x"+1')
def test_no_text_becomes_a_formula_or_a_second_line(text: str) -> None:
    result = RequestResult(text, text, Fate.RELEASED, text, record=text, reason=text)
    line = summary_line(result)
    assert line.count("\n") == line.count("\r") == 1
    (row,) = csv.reader([line])
    assert len(row) == len(COLUMNS)
    assert not any(cell.strip()[:1] in tuple("=+-@＝＋－＠\t\r") for cell in row if cell)
    # A spreadsheet set to semicolons or tabs takes the quotation marks for text and splits elsewhere.
    for delimiter in ";\t":
        for cell in line.replace('"', delimiter).split(delimiter):
            assert cell[:1] not in tuple("=+-@＝＋－＠") or not cell
    assert safe_cell(safe_cell(text)) == safe_cell(text)


# --- the report ---


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(text: str, tmp_path: Path) -> None:
    bad = RequestResult(
        text, text, Fate.QUARANTINED, text, record=text, reason=text, operator=text, purpose=text, legal_basis=text
    )
    bad = replace(bad, quarantine=text, frames=1, evidence=(Evidence(tmp_path / "none.png", text),))
    good = replace(_released(), id=text, source=text, output=text, record=text, purpose=text)
    plain = replace(good, id="x", source="x", output="x", record="x", purpose="x")
    node = Node(text, 4, 1)
    page = _Page(report_html(replace(_batch(bad, good), title=text, nodes=(node,))))
    other = _Page(report_html(replace(_batch(plain), nodes=(Node("x", 4, 1),))))
    assert {t for t, _ in page.tags} - {"bdi"} <= {t for t, _ in other.tags} | {
        "article",
        "header",
        "h3",
        "dl",
        "dt",
        "dd",
        "figure",
        "figcaption",
        "div",
    }
    assert not page.all("script")
    assert not page.all("img")
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    for a in page.all("a"):
        assert (a["href"] or "").startswith("./")
    visible = page.text
    assert all(c.isprintable() or c == "\n" for c in visible)
    if text.isprintable():
        assert visible.count(text) >= 10


def test_what_was_not_released_comes_first_with_its_pictures(tmp_path: Path) -> None:
    pictures = []
    for n in range(MOST_PICTURES + 2):
        pictures.append(Evidence(tmp_path / f"frame-{n}.png", f"Frame {n}: 人脸"))
        Image.new("RGB", (1920, 1080), (n * 20, 90, 40)).save(pictures[-1].file)
    (tmp_path / "frame-1.png").write_bytes(b"no picture")
    (tmp_path / "frame-2.png").unlink()
    results = (
        _released(),
        RequestResult("r-2", "b.mp4", Fate.REFUSED, reason="It is no video."),
        RequestResult(
            "r-3",
            "c.mp4",
            Fate.QUARANTINED,
            reason="A face shows.",
            quarantine="c 3.mp4.quarantine",
            evidence=tuple(pictures),
        ),
    )
    file = write_report(tmp_path, _batch(*results, listed=5))
    html = file.read_text(encoding="utf-8")
    page = _Page(html)
    assert html.index("A face shows.") < html.index("It is no video.") < html.index("r-1.mp4")
    assert "4 of 5 releases did not come out" in page.text
    assert "2not finished" in page.text
    assert "2 more pictures are in the quarantine folder" in page.text
    assert "frame-1.png cannot be read: it is no JPEG or PNG picture" in page.text
    assert "frame-2.png cannot be read: No such file" in page.text
    images = page.all("img")
    assert [i["alt"] for i in images] == [f"Frame {n}: 人脸" for n in (0, 3, 4, 5)]
    assert all((i["src"] or "").startswith("data:image/jpeg;base64,") for i in images)
    assert (images[0]["width"], images[0]["height"]) == ("720", "405")
    assert "For internal use" in page.text
    assert {a["href"] for a in page.all("a")} == {
        "./c%203.mp4.quarantine/",
        "./r-1.mp4",
        "./r-1.mp4.json",
        "./summary.csv",
    }
    assert [f.name for f in tmp_path.glob("*.html")] == ["report.html"]


def test_pictures_have_a_limit_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "frame.jpg"
    Image.effect_noise((800, 600), 80).convert("RGB").save(picture)
    bad = [RequestResult(f"r-{n}", "b", Fate.QUARANTINED, evidence=(Evidence(picture, "Frame 1"),)) for n in range(9)]
    monkeypatch.setattr("redact.batch.report.MOST_BYTES", 300_000)
    html = report_html(_batch(*bad))
    shown = len(_Page(html).all("img"))
    assert 1 <= shown < 9
    assert len(html) < 600_000
    assert html.count("1 more picture is in the quarantine folder") == 9 - shown


def test_pictures_carry_nothing_but_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "GPS of somebody's home"
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif, comment=b"GPS of somebody's home")
    bad = RequestResult("r", "b", Fate.QUARANTINED, evidence=(Evidence(tmp_path / "a.jpg", "Frame 1"),))
    (image,) = _Page(report_html(_batch(bad))).all("img")
    data = base64.b64decode((image["src"] or "").split(",")[1])
    assert b"GPS" not in data
    assert Image.open(io.BytesIO(data)).size == (64, 48)


def test_speed_counts_this_run_alone() -> None:
    batch = _batch(_released("r-1"), replace(_released("r-2"), earlier=True))
    assert batch.hours_per_hour == 2.0
    page = _Page(report_html(batch))
    assert "2.00hours of footage per hour" in page.text
    assert "All 2 releases came out verified" in page.text
    assert "done in an earlier run" in page.text
    assert _batch().hours_per_hour is None
    assert "nothing to do" in report_html(_batch())


def test_the_page_needs_nothing_from_outside_and_can_be_read_aloud() -> None:
    page = _Page(report_html(replace(_batch(replace(_released(), source="大厅.mp4")), nodes=(Node("n1", 4, 0.5),))))
    assert page.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.all("meta")
    assert not {"script", "link", "iframe", "object"} & {t for t, _ in page.tags}
    assert not any("http" in (v or "") for _, attrs in page.tags for k, v in attrs.items() if k in ("src", "href"))
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) == 2
    assert {"lang": "zh-Hans"} in page.all("bdi")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
@example("javascript:alert(1)")
@example("a b#c?d%20.mp4")
def test_links_lead_into_the_folder_or_nowhere(name: str) -> None:
    address = link(name)
    if address:
        assert unquote(address) == f"./{name}"
        assert address.isascii()
        assert not set(address) & set(" #?:\"'<>&")
    else:
        assert name.startswith("/") or ".." in name.split("/") or "://" in name
