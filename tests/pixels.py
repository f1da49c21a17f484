"""Where something was drawn."""

from __future__ import annotations

import numpy as np


def extent(mask: np.ndarray) -> np.ndarray:
    """The box around the True pixels, xyxy, half-open."""
    y, x = np.nonzero(mask)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
