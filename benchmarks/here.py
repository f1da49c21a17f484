"""A runner that does all work in the process that asks for it, so that it can be limited or tampered with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Here:
    """Keeps to ``redact.video.Runner``."""

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        return (function(*job) for job in jobs)
