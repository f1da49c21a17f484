"""redact: releases video without exposing the people in it.

    import redact

    if __name__ == "__main__":  # worker processes read the script, too
        outcome = redact.run("in.mp4", "out.mp4")

Everything that the commands do is here as a function; what a function returns and raises is in
its docstring.
"""

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redact.api import detect, load_plan, plan, policy_of, render, run, save_plan, verify
    from redact.errors import RedactError
    from redact.findings import Detection, Kind, RedactionPlan
    from redact.outcome import Outcome
    from redact.policy import Policy

# ONNX Runtime from 1.29 on writes an identifier of the machine under ~/.cache/Microsoft and sends what it runs
# to its maker. It reads this once, when it is loaded; workers and what they load inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Imported when first used: a worker needs few of them, and Ctrl-C must find the command line
# ready before the seconds that torch and its like take to load.
_HOMES = {
    **dict.fromkeys(("detect", "load_plan", "plan", "policy_of", "render", "run", "save_plan", "verify"), "redact.api"),
    **dict.fromkeys(("Detection", "Kind", "RedactionPlan"), "redact.findings"),
    "Outcome": "redact.outcome",
    "Policy": "redact.policy",
    "RedactError": "redact.errors",
}

__all__ = [
    "Detection",
    "Kind",
    "Outcome",
    "Policy",
    "RedactError",
    "RedactionPlan",
    "detect",
    "load_plan",
    "plan",
    "policy_of",
    "render",
    "run",
    "save_plan",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'redact' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


class _Package(ModuleType):
    """Keeps ``redact.run`` and ``redact.verify`` functions although submodules have these names."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
