"""What pydantic finds wrong with a recipe or plan, in words for those who wrote it. Pure."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping

from pydantic_core import ErrorDetails

from redact.words import plural

_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text, in quotation marks",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    "finite_number": "must be a finite number",
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list, in square brackets"),
    **dict.fromkeys(("model_type", "dict_type"), "must be a table of keys and values"),
    **dict.fromkeys(("literal_error", "enum"), "must be {expected}"),
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def where(loc: tuple[int | str, ...]) -> str:
    """The field of an error, such as "obscure.kinds item 2"; items of lists count from 1."""
    return "".join(f" item {part + 1}" if isinstance(part, int) else f".{part}" for part in loc).lstrip(". ")


def in_words(error: ErrorDetails) -> str:
    """What is wrong with a field, to be read behind its name: "must be at most 28, got 29"."""
    kind, context, got = error["type"], error.get("ctx", {}), error["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short":
        return f"must have at least {plural(context['min_length'], 'item')}, got {context['actual_length']}"
    if kind == "too_long":
        return f"must have at most {plural(context['max_length'], 'item')}, got {context['actual_length']}"
    words = _WORDS[kind].format(**context) if kind in _WORDS else f"is wrong: {error['msg'].lower()}"
    return (
        words if kind == "missing" or isinstance(got, (Mapping, list, tuple)) else f"{words}, got {reprlib.repr(got)}"
    )
