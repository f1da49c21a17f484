"""How numbers and names are written for people."""

from __future__ import annotations

from pathlib import Path


def plural(number: float, thing: str) -> str:
    """A number of things: "1 frame", "2 frames"."""
    return f"{number:.15g} {thing}{'' if number == 1 else 's'}"


def readable(path: str | Path) -> str:
    """A path as text that can be written anywhere: a byte of a name that is no text is shown as "\\udce9"."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def shown(path: str | Path) -> str:
    """A path as text for a terminal: what cannot be seen is written out, so that no name clears the screen."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


def earlier_release(output: str | Path) -> str:
    """Said where nothing was released and an earlier release, which was to be replaced, still has its name."""
    return f"What lies at {str(output)!r} is an earlier release."
