"""redact: releases video without exposing the people in it.

    import redact
    outcome = redact.run("in.mp4", "out.mp4")

Everything that the commands do is here as a function; what a function returns and raises is in
its docstring.
"""

from redact.api import detect, load_plan, plan, policy_of, render, run, verify
from redact.errors import RedactError
from redact.findings import Detection, Kind, RedactionPlan
from redact.outcome import Outcome
from redact.policy import Policy

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
    "verify",
]
