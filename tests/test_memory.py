"""Memory that was freed goes back to the system."""

from __future__ import annotations

import psutil
import pytest

from redact.memory import _trim, give_back


def test_freed_memory_goes_back() -> None:
    if _trim() is None:
        pytest.skip("this C library gives nothing back when told to")
    me = psutil.Process()
    held = [bytearray(60_000) for _ in range(3000)]  # smaller than what malloc asks the system for each time
    last = held[::100]  # pieces in use between those that are freed: malloc by itself gives back the end alone
    full = me.memory_info().rss
    del held
    give_back()
    assert me.memory_info().rss < full - 100e6
    assert len(last) == 30
