"""What verification says in numbers."""

from __future__ import annotations

from fractions import Fraction

from redact.verify import check_times


def test_times_are_rounded_as_all_numbers_of_a_record_are() -> None:
    """A third of a millisecond has no end in decimals; a record has three of them."""
    at_30 = [0, 1, 2]
    in_ms = [0, 33, 67]
    check = check_times(at_30, Fraction(1, 30), in_ms, Fraction(1, 1000), may_shift=False)
    assert check.passed
    assert check.numbers == {"frames": 3.0, "worst_ms": 0.333}
