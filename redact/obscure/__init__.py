"""Obscuring regions of a frame, in place, on the frame's own planes."""

from redact.obscure.obscurer import Obscurer
from redact.obscure.planes import FramePlanes, Plane, black

__all__ = ["FramePlanes", "Obscurer", "Plane", "black"]
