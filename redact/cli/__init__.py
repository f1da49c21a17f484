"""The commands. Thin: read what was typed, call the functions of ``redact.api``, print, and set the exit code."""

# Each adds its commands, which --help lists in this order.
from redact.cli import redaction

# isort: split
from redact.cli import machine

# isort: split
from redact.cli import batch, bench, models
from redact.cli.application import app

__all__ = ["app", "batch", "bench", "machine", "models", "redaction"]
