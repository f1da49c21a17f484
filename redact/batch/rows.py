"""Reads a file of requests into rows of plain values, each with its line. TOML, CSV or JSON Lines. Pure.

Numbers with a point stay decimal (never float), so that a value is the same in all three formats.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from redact.batch.encoding import UnclearEncodingError, decode_table
from redact.batch.problems import Problem, suggestion

FORMATS = (".toml", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson")

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("编号", "申请编号", "序号"),
        "source": ("源文件", "来源", "视频", "视频文件"),
        "output": ("输出", "输出名称", "输出文件"),
        "start": ("开始", "开始时间"),
        "end": ("结束", "结束时间"),
        "recipe": ("方案", "处理方案"),
        "purpose": ("用途", "使用目的", "目的"),
        "legal_basis": ("法律依据", "依据"),
        "requester": ("申请人", "申请单位"),
        "operator": ("操作人", "操作员", "经办人"),
        "zones": ("遮挡区域", "区域"),
        "mute": ("静音", "静音时段"),
    }
)
"""The columns, and what else they may be called in a table."""

_COLUMN = {name: column for column, names in COLUMNS.items() for name in (column, *names)}

Path = tuple[str | int, ...]
"""The way to a value: keys of tables and places in lists."""


@dataclass(frozen=True)
class Row:
    """One request as written: ``values`` by field, ``line`` where it begins, ``lines`` of its parts where known."""

    line: int
    values: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the innermost part of ``path``, such as ("zones", 1, "start"), whose line is known."""
        known = (self.lines.get(path[:n]) for n in range(len(path), 0, -1))
        return next((line for line in known if line is not None), self.line)


@dataclass(frozen=True)
class Rows:
    """What a file holds: its requests, what it says for all of them, and what could not be read."""

    requests: tuple[Row, ...]
    defaults: Row = Row(1, {})
    problems: tuple[Problem, ...] = ()


def read_rows(data: bytes, suffix: str, origin: str) -> Rows:
    """Reads the bytes of a file; its ending ``suffix`` (one of FORMATS) says what it is."""
    if suffix in (".csv", ".tsv", ".txt"):
        return _read_table(data, origin)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data[: e.start].count(b"\n") + 1
        return Rows((), problems=(Problem(origin, line, "", "this is not UTF-8 text; save the file as UTF-8"),))
    return _read_toml(text, origin) if suffix == ".toml" else _read_json_lines(text, origin)


# --- CSV ---


def _column(cell: str) -> str | None:
    """The field that a column's name means; None for a name that is not known."""
    name = re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", cell).strip().casefold())
    return _COLUMN.get(name)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _first_line(text: str) -> str:
    return next((line for line in io.StringIO(text, newline="") if line.strip()), "").strip("\r\n")


def _delimiter(text: str) -> str:
    """The character between columns: the one with which the first line names the most known columns."""
    first = _first_line(text)
    return max(",;\t", key=lambda d: sum(_column(c) is not None for c in _cells(first, d)))


def _read_table(data: bytes, origin: str) -> Rows:
    try:
        text = decode_table(data)
    except UnclearEncodingError as e:
        return Rows((), problems=(Problem(origin, 1, "", f"the file {e}"),))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    columns: list[str | None] | None = None
    rows: list[Row] = []
    problems: list[Problem] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as e:
            problems.append(Problem(origin, line, "", f"the quotation marks of this line do not match ({e})"))
            break
        if not any(c.strip() for c in cells):
            continue
        if columns is None:
            columns, wrong = _columns(cells, line, origin)
            if wrong:
                return Rows((), problems=tuple(wrong))
            continue
        row, wrong = _table_row(cells, columns, line, origin)
        rows.append(row)
        problems += wrong
    return Rows(tuple(rows), problems=tuple(problems))


def _columns(cells: Iterable[str], line: int, origin: str) -> tuple[list[str | None], list[Problem]]:
    """The field of each column, None for one without a name."""
    columns: list[str | None] = []
    problems = []
    for cell in cells:
        column = _column(cell)
        if column is None and cell.strip():
            hint = suggestion(cell.strip(), _COLUMN)
            problems.append(Problem(origin, line, cell.strip(), f"is not a column that requests have{hint}"))
        elif column is not None and column in columns:
            problems.append(Problem(origin, line, cell.strip(), f"there are two columns for {column!r}"))
        columns.append(column)
    if problems and not any(columns):
        known = ", ".join(COLUMNS)
        problems = [Problem(origin, line, "", f"the first line must name the columns; there are {known}")]
    return columns, problems


def _table_row(cells: list[str], columns: list[str | None], line: int, origin: str) -> tuple[Row, list[Problem]]:
    values: dict[str, Any] = {}
    problems = []
    for number, cell in enumerate(cells):
        column = columns[number] if number < len(columns) else None
        if not cell.strip():
            continue
        if column is None:
            sentence = f"cell {number + 1}, {cell.strip()!r}, stands under no column name"
            problems.append(Problem(origin, line, "", sentence))
        else:
            values[column] = cell
    return Row(line, values), problems


# --- JSON Lines ---


class _Twice(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [k for k, _ in pairs]
        raise _Twice(next(k for k in names if names.count(k) > 1))
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number that requests may have")


def _read_json_lines(text: str, origin: str) -> Rows:
    rows: list[Row] = []
    problems: list[Problem] = []
    defaults: Row | None = None
    # Only a line feed ends a line: JSON text may hold U+2028 and others that splitlines() would split at.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)
        except _Twice as e:
            problems.append(Problem(origin, number, str(e), "is there twice"))
            continue
        except json.JSONDecodeError as e:
            problems.append(Problem(origin, number, "", f"not valid JSON: {e.msg} at column {e.colno}"))
            continue
        except (ValueError, RecursionError, InvalidOperation) as e:
            problems.append(Problem(origin, number, "", f"not valid JSON: {e}"))
            continue
        if not isinstance(value, dict):
            problems.append(Problem(origin, number, "", "each line must be one JSON object, { ... }"))
        elif set(value) == {"defaults"} and isinstance(value["defaults"], dict):
            if defaults is not None or rows:
                sentence = "stands once, on the first line, ahead of all requests"
                problems.append(Problem(origin, number, "defaults", sentence))
            defaults = Row(number, value["defaults"])
        else:
            rows.append(Row(number, value))
    return Rows(tuple(rows), defaults or Row(1, {}), tuple(problems))


# --- TOML ---


def toml_lines(text: str) -> dict[Path, int]:
    """The line (from 1) on which each table and key of a valid TOML text begins, by its path.

    tomllib tells no positions. But a statement is the shortest run of lines, from where the last
    one ended, that tomllib reads by itself; so tomllib finds the statements, and strings or
    comments that look like keys cannot mislead. Keys inside one value share its line.
    """
    found: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    start, chunk = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        chunk += line + "\n"
        try:
            parsed = tomllib.loads(chunk)
        except tomllib.TOMLDecodeError:
            continue
        keys, leaf = _chain(parsed)
        if keys and chunk.lstrip().startswith("["):
            table = ()
            for depth, key in enumerate(keys, 1):
                table = (*table, key)
                if depth == len(keys) and isinstance(leaf, list):
                    arrays[table] = arrays.get(table, -1) + 1
                if table in arrays:
                    table = (*table, arrays[table])
            found.setdefault(table, start)
        elif keys:
            for depth in range(1, len(keys) + 1):
                found.setdefault((*table, *keys[:depth]), start)
        start, chunk = number + 1, ""
    return found


def _chain(parsed: dict[str, Any]) -> tuple[list[str], Any]:
    """The keys that one statement names, outermost first, and what stands at the last."""
    keys: list[str] = []
    value: Any = parsed
    while isinstance(value, dict) and len(value) == 1:
        key, value = next(iter(value.items()))
        keys.append(key)
    return keys, value


def _read_toml(text: str, origin: str) -> Rows:
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, InvalidOperation) as e:
        at = re.search(r"\(at line (\d+), (column \d+)\)", str(e))
        what = re.sub(r"\s*\(at .*\)$", "", str(e)) + (f" at {at[2]}" if at else "")
        line = int(at[1]) if at else text.count("\n") + 1
        return Rows((), problems=(Problem(origin, line, "", f"not valid TOML: {what}"),))
    lines = toml_lines(text)
    problems = [
        Problem(
            origin,
            lines.get((key,), lines.get((key, 0), 1)),
            key,
            f"is not a part of a file of requests{suggestion(key, ('defaults', 'request'))};"
            " it has [defaults] and [[request]]",
        )
        for key in document
        if key not in ("defaults", "request")
    ]
    defaults, requests = document.get("defaults", {}), document.get("request", [])
    if not isinstance(defaults, dict):
        problems.append(Problem(origin, lines.get(("defaults",), 1), "defaults", "is a table: write [defaults]"))
        defaults = {}
    if not (isinstance(requests, list) and all(isinstance(r, dict) for r in requests)):
        line = lines.get(("request",), 1)
        problems.append(Problem(origin, line, "request", "write [[request]], in double brackets, ahead of each"))
        requests = []
    rows = [Row(lines.get(("request", i), lines.get(("request",), 1)), values) for i, values in enumerate(requests)]
    for path, line in lines.items():
        if path[0] == "request" and len(path) > 2 and isinstance(path[1], int):
            rows[path[1]].lines[path[2:]] = line
    inside = {path[1:]: line for path, line in lines.items() if path[0] == "defaults" and len(path) > 1}
    return Rows(tuple(rows), Row(lines.get(("defaults",), 1), defaults, inside), tuple(problems))
