"""What is wrong with a file of requests, all of it at once: each with its file, line and field. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from redact.errors import UsageError
from redact.words import shown


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to correct. ``line`` counts from 1; ``field`` is empty where the whole line is meant."""

    file: str
    line: int
    field: str
    sentence: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{shown(self.file)}, line {self.line}: {shown(field + self.sentence)}"


class RequestError(UsageError):
    """Requests that cannot be carried out; nothing was done. ``problems`` lists every one, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        many = len(self.problems) != 1
        head = f"{len(self.problems)} things are wrong with the requests; nothing was done:\n" if many else ""
        super().__init__(
            head + "\n".join(map(str, self.problems)) + "\n", "The fields and their meaning are in docs/requests.md."
        )

    def __reduce__(self) -> tuple[type[RequestError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def suggestion(word: str, known: Iterable[str]) -> str:
    """A hint such as " (did you mean 'operator'?)" where a known word is close; else nothing."""
    close = get_close_matches(word.casefold(), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
