"""The CPU's obscurer keeps the contract."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.obscurers import Apply, ObscurerContract

from redact.findings import StoredRegion
from redact.obscure import FramePlanes, Held, Obscurer
from redact.policy import ObscurePolicy


class TestNumpyObscurer(ObscurerContract):
    def start(self, policy: ObscurePolicy, given: Sequence[Held] = ()) -> Apply:
        return Obscurer(policy, given).apply

    def taken(self, policy: ObscurePolicy, frame: FramePlanes, regions: Sequence[StoredRegion]) -> tuple[Held, ...]:
        obscurer = Obscurer(policy)
        obscurer.apply(frame, regions)
        return obscurer.held
