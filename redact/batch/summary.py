"""``summary.csv``: one line a request, for a spreadsheet. Text from outside cannot become a formula there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from redact.batch.results import RequestResult
from redact.staging import output_error, publish, workspace

NAME = "summary.csv"
COLUMNS = (
    "id",
    "source",
    "output",
    "verdict",
    "faces",
    "plates",
    "zones",
    "frames",
    "obscured_frames",
    "black_frames",
    "video_seconds",
    "wall_seconds",
    "record",
    "reason",
    "notes",
    "asked",
    "requester",
    "operator",
    "purpose",
    "legal_basis",
)
_MARK = "\ufeff"  # without it Excel takes UTF-8 for the local code page
# What begins a formula (OWASP, "CSV Injection"), in full width too. Behind a separator or a quotation
# mark as well: a spreadsheet that splits at another character would begin a cell there.
_FORMULA = re.compile(r"(^|[,;\"])(?=[=+\-@＝＋－＠])")


def safe_cell(text: str) -> str:
    """Text on one line that no spreadsheet takes for a formula: an apostrophe stands before what could be one."""
    one_line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)
    return _FORMULA.sub(r"\1'", one_line.strip())


def summary_row(result: RequestResult) -> tuple[str, ...]:
    """The cells of a result, in the order of COLUMNS. Times are seconds with three decimals."""
    return (
        safe_cell(result.id),
        safe_cell(result.source),
        safe_cell(result.output),
        str(result.fate),
        str(result.faces),
        str(result.plates),
        str(result.zones),
        str(result.frames),
        str(result.obscured_frames),
        str(result.black_frames),
        f"{result.video_seconds:.3f}",
        f"{result.wall_seconds:.3f}",
        safe_cell(result.record),
        safe_cell(result.reason),
        safe_cell(" ".join(result.notes)),
        safe_cell("; ".join(result.scope)),
        safe_cell(result.requester),
        safe_cell(result.operator),
        safe_cell(result.purpose),
        safe_cell(result.legal_basis),
    )


def summary_head() -> str:
    """What a table begins with: byte-order mark and column names."""
    return _MARK + _line(COLUMNS)


def summary_line(result: RequestResult) -> str:
    """The line of a result, with its line end."""
    return _line(summary_row(result))


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def write_summary(folder: Path, results: Iterable[RequestResult]) -> Path:
    """Writes the whole table into ``folder``: the old or the new one is there, never half of one.

    Raises SpaceError or UsageError where it cannot be written.
    """
    return write_text(folder / NAME, summary_head() + "".join(map(summary_line, results)))


def write_text(file: Path, text: str) -> Path:
    """Writes a text file aside and moves it to its name. Raises SpaceError or UsageError."""
    with workspace(file) as aside:
        try:
            (aside / "text").write_bytes(text.encode(errors="backslashreplace"))  # names need not be Unicode
        except OSError as e:
            raise output_error(file, e) from None
        publish(aside / "text", file)
    return file
