"""Writes a file of requests and reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from redact.api import policy_of
from redact.batch.jobs import Batch, read_batch
from redact.batch.problems import RequestError

HEAD = "id,source,purpose,legal_basis,operator"


def read_text(folder: Path, name: str, content: str | bytes, **seen: str) -> Batch:
    """The batch that a file of this name and content is in ``folder``."""
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_batch(file, "public-release", lambda name: policy_of(name), seen)


def problems_of(folder: Path, name: str, content: str | bytes, **seen: str) -> list[tuple[int, str, str]]:
    """What is wrong with it: line, field and sentence of each problem."""
    with pytest.raises(RequestError) as e:
        read_text(folder, name, content, **seen)
    return [(p.line, p.field, p.sentence) for p in e.value.problems]
