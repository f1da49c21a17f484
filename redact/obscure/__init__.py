"""Obscuring regions of a frame, in place, on the frame's own planes."""

from redact.obscure.base import Held
from redact.obscure.obscurer import Obscurer
from redact.obscure.planes import FramePlanes, Plane, black

__all__ = ["FramePlanes", "Held", "Obscurer", "Plane", "black"]
