"""A process with limited memory that redacts one file after another, and whoever asks it."""

from __future__ import annotations

import json
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from machine import ROOT
from here import Here

MEMORY = 6 << 30  # bytes of address space for the worker


def _redact(job: dict[str, Any]) -> dict[str, Any]:
    """Redacts one file as ``job`` says and tells how it ended."""
    import redact
    from redact.policy import AudioPolicy, DamagePolicy

    strict = redact.policy_of("public-release")
    policy = strict.model_copy(
        update={"damage": DamagePolicy(on_damage=job["on_damage"]), "audio": AudioPolicy(mode=job["audio"])}
    )
    tempfile.tempdir = job["scratch"]
    source, output = Path(job["source"]), Path(job["output"])
    # Processes of its own survive a crash of the decoder; they are slow to start, so only then.
    runner = None if job["pool"] else Here()
    try:
        outcome = redact.run(source, output, policy, runner=runner)
    except redact.RedactError as e:
        return {"verdict": "refused", "code": e.exit_code, "message": str(e)}
    verdict = redact.verify(source, output, outcome.record, runner=runner)
    if not verdict.passed:
        return {"verdict": "failed", "message": f"released, but verification says: {verdict.reason}"}
    return {"verdict": "released", "frames": outcome.frames, "black": outcome.black_frames}


def serve() -> None:
    """The worker's loop: a job a line on stdin, an answer a line on stdout."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Libraries print to stdout now and then; the answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = _redact(json.loads(line))
        except Exception:  # noqa: BLE001 - whatever comes is what is looked for
            answer = {"verdict": "failed", "message": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Worker:
    """A worker process that is started again after it died or was stopped."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def ask(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The worker's answer; ``crashed`` or ``hung`` where there is none."""
        if self._process is None or self._process.poll() is not None:
            with self._log.open("a") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "fuzzing.worker"],
                    env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
        p = self._process
        assert p.stdin is not None
        assert p.stdout is not None
        p.stdin.write(json.dumps(job) + "\n")
        p.stdin.flush()
        with selectors.DefaultSelector() as s:
            s.register(p.stdout, selectors.EVENT_READ)
            in_time = bool(s.select(seconds))
        line = p.stdout.readline() if in_time else ""
        if line:
            return dict(json.loads(line))
        if not in_time:
            self.close()
            return {"verdict": "hung", "message": f"not done after {seconds:.0f} s"}
        return {"verdict": "crashed", "message": f"the worker died with status {p.wait()}"}

    def close(self) -> None:
        """Ends the worker and what it started."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, 9)
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None


if __name__ == "__main__":
    serve()
