"""The CPU's obscurer keeps the contract."""

from __future__ import annotations

from contracts.obscurers import Apply, ObscurerContract

from redact.obscure import Obscurer
from redact.policy import ObscurePolicy


class TestNumpyObscurer(ObscurerContract):
    def start(self, policy: ObscurePolicy) -> Apply:
        return Obscurer(policy).apply
