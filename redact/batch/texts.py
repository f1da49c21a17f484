"""What a clerk may write into the fields of a request, and into the name of a release."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

MOST_NAME_BYTES = 200
"""A file name has at most 255 bytes, and redact adds endings such as ``.record.json`` to a release's name."""


def hidden_character(text: str) -> str:
    """Names the first character that people cannot see or that turns text around; empty where there is none."""
    for c in text:
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            return f"U+{ord(c):04X} {unicodedata.name(c, '')}".strip()
    return ""


def line_of(most: int) -> Callable[[object], str]:
    """Reads one line of visible text of at most ``most`` characters; white space is made single blanks.

    What it gives raises ValueError with a sentence for anything else.
    """

    def read(value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError("is no text: put it in quotation marks")
        text = unicodedata.normalize("NFC", " ".join(value.split()))
        hidden = hidden_character(text)
        if hidden:
            raise ValueError(f"holds a character that cannot be seen, {hidden}")
        if len(text) > most:
            raise ValueError(f"is {len(text)} characters long; at most {most} are allowed")
        return text

    return read


def said(text: str) -> str:
    """Text that says something: a letter, a digit or a Chinese character at least. Raises ValueError."""
    if not text:
        raise ValueError("is missing")
    if not any(c.isalnum() for c in text):
        raise ValueError(f"says nothing: {text!r}")
    return text


def source_name(value: object) -> str:
    """A path, glob or address as it was written. Raises ValueError with a sentence for what none can be."""
    if not isinstance(value, str):
        raise ValueError("is no text: put it in quotation marks")
    text = value.strip()
    if not text:
        raise ValueError("is missing")
    if "\0" in text or any(unicodedata.category(c) == "Cs" for c in text):
        raise ValueError("holds a character that no file name has")
    return text


def output_name(value: object) -> str:
    """A release's file name that is safe in its folder, on a Windows share and in a terminal.

    Raises ValueError with a sentence for anything else. Empty text stays empty.
    """
    if not isinstance(value, str):
        raise ValueError("is no text: put it in quotation marks")
    name = unicodedata.normalize("NFC", value.strip())
    hidden = hidden_character(name)
    if hidden:
        raise ValueError(f"holds a character that cannot be seen, {hidden}")
    if "/" in name or "\\" in name:
        raise ValueError(f"{name!r} is a path; give a file name, releases lie in the folder of the batch")
    bad = next((c for c in name if c in UNSAFE), "")
    if bad:
        raise ValueError(f"{name!r} holds {bad!r}, which file names on many systems cannot have")
    if name.startswith(".") or name.endswith("."):
        raise ValueError(f"{name!r} begins or ends with a point")
    if len(name.encode()) > MOST_NAME_BYTES:
        raise ValueError(f"is {len(name.encode())} bytes long; at most {MOST_NAME_BYTES} are allowed")
    return name


UNSAFE = '/\\:*?"<>|'
"""Characters that Windows, and shares that serve it, do not allow in names."""

Operator = Annotated[str, BeforeValidator(line_of(100)), AfterValidator(said)]
Reason = Annotated[str, BeforeValidator(line_of(1000)), AfterValidator(said)]
