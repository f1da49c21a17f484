"""The report of a batch: one HTML file that a supervisor opens in a browser. No script, nothing from outside.

What is not released comes first, with its reason and its pictures. Those pictures may show people
who are not obscured; the page says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from redact.batch.pictures import Picture, PictureError, embed
from redact.batch.results import BatchSummary, Evidence, Fate, RequestResult, count_fates
from redact.batch.sources import is_address
from redact.batch.summary import write_text
from redact.words import shown

NAME = "report.html"
MOST_PICTURES = 6
"""Pictures of one request."""
MOST_BYTES = 24 << 20
"""All pictures of a report together, as text; browsers open a page of this size without delay."""

_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture of evidence in the page, or why it is not there."""

    caption: str
    picture: Picture | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class _Card:
    """A request that was not released, with what is shown of its evidence and how many pictures are left out."""

    result: RequestResult
    pictures: tuple[_Shown, ...]
    left_out: int


def report_html(summary: BatchSummary) -> str:
    """The page. Reads the evidence of requests that were not released; a picture that cannot be read is named."""
    troubled = [r for r in summary.results if r.fate is not Fate.RELEASED]
    # Quarantined ones lead: there a person can still correct the plan.
    troubled.sort(key=lambda r: r.fate is not Fate.QUARANTINED)
    return _template().render(
        summary=summary,
        counts=count_fates(summary.results),
        cards=_cards(troubled),
        released=[r for r in summary.results if r.fate is Fate.RELEASED],
        Fate=Fate,
    )


def write_report(folder: Path, summary: BatchSummary) -> Path:
    """Writes the page into ``folder``, whole or not at all. Raises SpaceError or UsageError."""
    return write_text(folder / NAME, report_html(summary))


def _cards(results: Iterable[RequestResult]) -> list[_Card]:
    cards = []
    room = MOST_BYTES
    for result in results:
        evidences: list[_Shown] = []
        for evidence in result.evidence[:MOST_PICTURES]:
            if room <= 0:
                break
            evidences.append(_show(evidence))
            picture = evidences[-1].picture
            room -= len(picture.address) if picture else 0
        cards.append(_Card(result, tuple(evidences), len(result.evidence) - len(evidences)))
    return cards


def _show(evidence: Evidence) -> _Shown:
    try:
        return _Shown(evidence.caption, embed(evidence.file))
    except PictureError as e:
        return _Shown(evidence.caption, None, f"{evidence.file.name} {e}")


def link(path: str) -> str:
    """The address of a file in the report's folder, percent-encoded; empty for anything that is not in there."""
    parts = PurePosixPath(path).parts
    if not path or is_address(path) or path.startswith("/") or ".." in parts:
        return ""
    # "./" and the encoded colon keep a name such as "javascript:x" from being read as a scheme.
    return "./" + quote(path, safe="/", errors="surrogateescape")


def clock(seconds: float) -> str:
    """Seconds for people: "1:02:03"."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def text(value: str) -> Markup:
    """Text from outside: escaped, without invisible characters, isolated from the direction of what is around it.

    Chinese text says so, which chooses the font and the voice of a screen reader.
    """
    lang = Markup(' lang="zh-Hans"') if _CJK.search(value) else ""
    return Markup("<bdi{}>{}</bdi>").format(lang, shown(value))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"link": link, "clock": clock, "text": text, "shown": shown}
    return environment.get_template("report.html.jinja")
