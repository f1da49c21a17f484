"""Compares pictures of a release with those of its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import redact


def same_outside(output: Path, number: int, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two luma pictures differ only by coding noise outside the regions of the release's plan."""
    difference = np.abs(a.astype(int) - b)
    for r in redact.load_plan(f"{output}.plan.json").regions(number):
        x1, y1, x2, y2 = r.box.to_ints()
        difference[max(y1 - 8, 0) : y2 + 8, max(x1 - 8, 0) : x2 + 8] = 0
    return float(difference.mean()) < 2
