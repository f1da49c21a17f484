"""Which characters the bytes of a spreadsheet's CSV file are: UTF-8, UTF-16 or GB18030. Never a guess. Pure.

Chinese Excel saves "CSV" as GB18030 and "CSV UTF-8" with a byte-order mark; other programs save
UTF-8 without one. A wrong guess would put wrong names and wrong legal grounds into records.
Western Excel saves "CSV" in a code page of its region, whose letters nearly all are characters of
GB18030 as well ("Müller" is "M黮ler"): what is read as GB18030 must look like Chinese.
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

_BESIDE_LETTERS = re.compile(  # one or two characters
    r"(?<=[A-Za-z])[^\x00-\x7f]{1,2}(?![^\x00-\x7f])|(?<![^\x00-\x7f])[^\x00-\x7f]{1,2}(?=[A-Za-z])"
)
_FIRST_LEVEL = range(0xB0, 0xD8)  # rows of GB2312 by their first byte: its 3,755 most frequent characters
_MARKS_AND_FORMS = range(0xA1, 0xA4)  # punctuation, numerals, letters in full width

_TWO_BYTES = 0x7FF  # UTF-8 takes three bytes from here on: Chinese, but no Latin, Greek or Cyrillic letters


class UnclearEncodingError(ValueError):
    """The bytes are no text, or could be two different ones. The message is a sentence."""


def decode_table(data: bytes) -> str:
    """The text of a table. Raises UnclearEncodingError where it can be read in two ways and nothing tells which.

    A byte-order mark decides. Without one, text that only one encoding can read is that one. Most
    GB18030 text is no valid UTF-8, but a few characters can be both ("é" is "茅"). Such a file is
    UTF-8 only if it has Chinese characters which, read as GB18030, would be more that lie outside
    GB2312, the everyday ones. So UTF-8 is never taken for GB18030, and GB18030 of everyday
    characters never for UTF-8. Text that only GB18030 can read must look like Chinese.
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
    if as_gb is None or as_utf8 == as_gb:
        return as_utf8 or ""
    if as_utf8 is None:
        if _looks_chinese(as_gb):
            return as_gb
        strange = next((w for w in re.split(r"[\s,;\"]", as_gb, flags=re.ASCII) if not w.isascii()), "")
        raise UnclearEncodingError(
            f"is no UTF-8, and does not look like Chinese when it is read as GB18030 ({strange!r}); {_REMEDY}"
        )
    if any(ord(c) > _TWO_BYTES for c in as_utf8) and _rare(as_utf8) < _rare(as_gb):
        return as_utf8
    words = zip(
        re.split(r"[\s,;\"]", as_utf8, flags=re.ASCII), re.split(r"[\s,;\"]", as_gb, flags=re.ASCII), strict=False
    )
    example = next((pair for pair in words if pair[0] != pair[1]), ("", ""))
    raise UnclearEncodingError(
        f"can be read as UTF-8 ({example[0]!r}) and as GB18030 ({example[1]!r}), and nothing says which; {_REMEDY}"
    )


def _looks_chinese(text: str) -> bool:
    """Whether most of what is not ASCII is as Chinese is written: frequent characters, in words of their own.

    Code pages of Europe have small letters where GB2312 has rare characters, and a letter that
    swallows the one behind it lies outside GB2312. Capitals in a row may be frequent characters, few
    and beside letters ("AÇÃO" is "A敲O"): such say nothing, as "B座" does not, nor does punctuation.
    """
    beside = {place for m in _BESIDE_LETTERS.finditer(text) for place in range(*m.span())}
    balance = 0
    for place, c in enumerate(text):
        row = _row(c)
        if row in _FIRST_LEVEL:
            balance += place not in beside
        elif c > "\x7f" and row not in _MARKS_AND_FORMS:
            balance -= 1
    return balance > 0


def _row(c: str) -> int:
    """The row of GB2312 that a character stands in, by its first byte; 0 where it is in none."""
    return c.encode("gb2312")[0] if _can_write(c, "gb2312") else 0


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
