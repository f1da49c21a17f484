"""Which characters the bytes of a spreadsheet's CSV file are: UTF-8, UTF-16 or GB18030. Never a guess. Pure.

Chinese Excel saves "CSV" as GB18030 and "CSV UTF-8" with a byte-order mark; other programs save
UTF-8 without one. A wrong guess would put wrong names and wrong legal grounds into records.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_REMEDY = 'save it as "CSV UTF-8", which every spreadsheet program offers'

_TWO_BYTES = 0x7FF  # UTF-8 takes three bytes from here on: Chinese, but no Latin, Greek or Cyrillic letters


class UnclearEncodingError(ValueError):
    """The bytes are no text, or could be two different ones. The message is a sentence."""


def decode_table(data: bytes) -> str:
    """The text of a table. Raises UnclearEncodingError where it can be read in two ways and nothing tells which.

    A byte-order mark decides. Without one, text that only one encoding can read is that one. Most
    GB18030 text is no valid UTF-8, but a few characters can be both ("é" is "茅"). Such a file is
    UTF-8 only if it has Chinese characters which, read as GB18030, would be more that lie outside
    GB2312, the everyday ones. So UTF-8 is never taken for GB18030, and GB18030 of everyday
    characters never for UTF-8.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(name).removeprefix("\ufeff")
            except UnicodeDecodeError:
                raise UnclearEncodingError(f"is damaged: it begins as {name} and is not; {_REMEDY}") from None
    if b"\0" in data:
        raise UnclearEncodingError(f"holds zero bytes, so it is no CSV text; {_REMEDY}")
    as_utf8, as_gb = _read(data, "utf-8"), _read(data, "gb18030")
    if as_utf8 is None and as_gb is None:
        raise UnclearEncodingError(f"is neither UTF-8 nor GB18030 text; {_REMEDY}")
    if as_utf8 is None or as_gb is None or as_utf8 == as_gb:
        return as_utf8 if as_utf8 is not None else as_gb or ""
    if any(ord(c) > _TWO_BYTES for c in as_utf8) and _rare(as_utf8) < _rare(as_gb):
        return as_utf8
    words = zip(
        re.split(r"[\s,;\"]", as_utf8, flags=re.ASCII), re.split(r"[\s,;\"]", as_gb, flags=re.ASCII), strict=False
    )
    example = next((pair for pair in words if pair[0] != pair[1]), ("", ""))
    raise UnclearEncodingError(
        f"can be read as UTF-8 ({example[0]!r}) and as GB18030 ({example[1]!r}), and nothing says which; {_REMEDY}"
    )


def _rare(text: str) -> int:
    """How many characters are not in GB2312, which holds the 6,763 in everyday use."""
    return sum(c > "\x7f" and not _can_write(c, "gb2312") for c in text)


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _read(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
