"""What a batch on a cluster tells Prometheus, through the endpoint that every Ray node has.

Names begin with ``ray_redact_`` there. ``pipelines/grafana/redact.json`` is a dashboard of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from ray.util import metrics as _metrics

_ray: Any = _metrics  # its classes carry no types


class BatchMetrics:
    """Tells the state of one batch; made and used in the driver once it is connected."""

    def __init__(self) -> None:
        self._frames = _ray.Counter("redact_frames", "Frames done, by stage.", ("stage",))
        self._told: dict[str, int] = {}
        self._speed = _ray.Gauge("redact_times_real_time", "Footage done, as a multiple of real time.")
        self._fates = _ray.Gauge("redact_requests", "Requests by fate: released, quarantined, refused.", ("fate",))
        self._flight = _ray.Gauge("redact_videos_in_flight", "Videos that are being worked on.")
        self._left = _ray.Gauge("redact_requests_left", "Requests without a result yet.")

    def show(
        self, *, frames: Mapping[str, int], fates: Mapping[str, int], times_real_time: float, in_flight: int, left: int
    ) -> None:
        """Takes the figures as they are now; ``frames`` done by stage, ``fates`` of finished requests."""
        for stage, done in frames.items():
            news = done - self._told.get(stage, 0)
            if news > 0:
                self._frames.inc(news, {"stage": stage})
                self._told[stage] = done
        self._speed.set(times_real_time)
        for fate, count in fates.items():
            self._fates.set(count, {"fate": fate})
        self._flight.set(in_flight)
        self._left.set(left)


@cache
def _gpu_memory() -> Any:
    return _ray.Gauge("redact_gpu_memory_bytes", "GPU memory that a worker's detectors hold at most.", ("worker",))


def note_gpu_memory() -> None:
    """Tells how much GPU memory this worker needed so far; nothing where it has no GPU."""
    torch = sys.modules.get("torch")  # not imported: then this process has used no GPU
    if torch is not None and torch.cuda.is_available():
        _gpu_memory().set(float(torch.cuda.max_memory_reserved()), {"worker": f"{os.uname().nodename}-{os.getpid()}"})
