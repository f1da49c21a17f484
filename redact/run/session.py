"""The one place that connects to Ray, and disconnects."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray._private import ray_constants
from ray._private import worker as ray_worker

from redact.errors import UsageError

LOCAL = "local"
_LOG = logging.getLogger(__name__)
RETRIES = 3  # of a piece of work whose worker or node died; then it is the work that kills workers

# What Ray would do otherwise, read by the driver before it connects.
_HABITS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing about this work is reported to anybody
    "RAY_task_oom_retries": str(RETRIES),  # for ever: work that no node has the memory for would never end
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",  # a driver that is a submitted job, with a folder of its own, would be refused
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # a driver started by uv would have every worker install itself anew
}


def _tell(data: dict[str, Any], ignore_prefix: bool) -> None:
    _LOG.info("%s", "\n".join(data["lines"]))


def _check_that_somebody_listens(address: str) -> None:
    # Ray itself would try for minutes.
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=20).close()
    except OSError as e:
        raise _no_cluster(address, e.strerror or str(e)) from None


def _no_cluster(address: str, reason: str) -> UsageError:
    return UsageError(
        f"No Ray cluster answers at {address!r}: {reason.rstrip('.')}.",
        "Start one, or use --address local for a local one.",
    )


@contextmanager
def session(address: str) -> Iterator[None]:
    """A connection to the cluster at ``address``: "auto", "ray://host:port", "host:port", or "local" for a new one.

    Workers start in an empty folder of their own, so that a folder of the driver that holds a
    ``redact/`` or ``models/`` of its own does not shadow the installed code (Ray puts the driver's
    folder first on a worker's path). A local cluster is heard by this machine alone. Raises
    UsageError where no cluster answers.
    """
    _check_that_somebody_listens(address)
    for name, value in _HABITS.items():
        os.environ.setdefault(name, value)
    with tempfile.TemporaryDirectory(prefix="redact-empty-") as empty:
        environment = {"working_dir": empty, "env_vars": {"PYTHONSAFEPATH": "1", "YOLO_OFFLINE": "true"}}
        if address == LOCAL:
            # Ray listens on the network by default, and answers whoever asks; this one is nobody else's business.
            ray_constants.ENABLE_RAY_CLUSTER = False
        # Ray prints what befalls its workers on stdout, whatever it was told about logs; that is for results.
        ray_worker.print_to_stdstream = _tell
        try:
            ray.init(
                address=None if address == LOCAL else address,
                runtime_env=environment,
                logging_level=logging.ERROR,
                log_to_driver=False,
                include_dashboard=False if address == LOCAL else None,
            )
        except (ConnectionError, TimeoutError, RuntimeError, ValueError) as e:
            # What the server of ray:// tells ends with what happened to it, after a traceback.
            lines = str(e).strip().splitlines() or [type(e).__name__]
            raise _no_cluster(address, " ".join(dict.fromkeys((lines[0], lines[-1])))) from None
        try:
            yield
        finally:
            ray.shutdown()
