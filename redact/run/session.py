"""The one place that connects to Ray, and disconnects."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from redact.errors import UsageError

LOCAL = "local"


@contextmanager
def session(address: str) -> Iterator[None]:
    """A connection to the cluster at ``address``: "auto", "ray://host:port", "host:port", or "local" for a new one.

    Workers start in an empty folder of their own, so that a folder of the driver that holds a
    ``redact/`` or ``models/`` of its own does not shadow the installed code (Ray puts the driver's
    folder first on a worker's path). Raises UsageError where no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing about this work is reported to anybody
    with tempfile.TemporaryDirectory(prefix="redact-empty-") as empty:
        environment = {"working_dir": empty, "env_vars": {"PYTHONSAFEPATH": "1", "YOLO_OFFLINE": "true"}}
        try:
            ray.init(
                address=None if address == LOCAL else address,
                runtime_env=environment,
                logging_level=logging.ERROR,
                log_to_driver=False,
                include_dashboard=False if address == LOCAL else None,
            )
        except (ConnectionError, TimeoutError, RuntimeError, ValueError) as e:
            first = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
            raise UsageError(
                f"No Ray cluster answers at {address!r}: {first}", "Start one, or use --address local for a local one."
            ) from None
        try:
            yield
        finally:
            ray.shutdown()
