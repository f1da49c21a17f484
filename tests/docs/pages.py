"""The pages of the documentation, and what is read from them: tables, blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SCRIPTS = [p for folder in ("benchmarks", "models") for p in (ROOT / folder).glob("*.md")]
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *SCRIPTS])
OURS = [p for p in PAGES if p.parent != ROOT / "models"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tables_in(text: str) -> Iterator[list[list[str]]]:
    """The rows of each table, its head first, without the line under it."""
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([c.strip() for c in line.strip().strip("|").split("|")])
        elif rows:
            yield [r for r in rows if not set("".join(r)) <= set("-: ")]
            rows = []


def first_column(text: str, head: str) -> list[str]:
    """The code in the first cells of all tables whose first head is ``head``."""
    return [
        name
        for table in tables_in(text)
        if table[0][0] == head
        for row in table[1:]
        for name in re.findall(r"`([^`]+)`", row[0]) or [row[0]]
    ]


def blocks_in(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
