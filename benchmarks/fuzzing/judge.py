"""Judges what became of a damaged file: released and right, refused with a reason, or a failure of ours."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from fuzzing.mutations import Mutation
from fuzzing.worker import Worker

STRANGE = 24.0  # 8-bit steps, mean of a block
SECONDS = 120.0  # for one mutation; a sound file takes two
# Exit codes that a damaged source may end with; see docs/exit-codes.md.
ALLOWED = {3: "source", 5: "verification", 7: "worker died"}


@dataclass(frozen=True)
class Result:
    """How one mutation ended: ``verdict`` is released, refused or failed; ``code`` the exit code of a refusal."""

    mutation: Mutation
    verdict: str
    message: str = ""
    code: int = 0
    black: int = 0
    strange: int = 0
    """Released frames that the undamaged file does not have, as far as they can be compared."""
    seconds: float = 0.0


def count_frames(file: Path) -> int:
    """Frames that an ffmpeg process decodes from the first video stream of ``file``."""
    from redact.media.witness import ffmpeg_program

    command = [ffmpeg_program(), "-v", "error", "-nostdin", "-i", f"file:{file}", "-map", "0:V:0"]
    command += ["-fps_mode", "passthrough", "-f", "framecrc", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return sum(not line.startswith("#") for line in done.stdout.splitlines())


def _lumas(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as c:
        return [f.to_ndarray(format="gray").astype(np.int16) for f in c.decode(video=0)]


def strange_frames(release: Path, original: Path) -> int:
    """Frames of a release that look like none of the undamaged file, outside their regions.

    Compared by 16 x 16 blocks: coding changes none of them by more than some steps in the mean.
    """
    import redact
    from redact.media.probe import probe

    plan = redact.load_plan(f"{release}.plan.json")
    display = probe(release).format.display
    known = _lumas(original)
    strange = 0
    for i, shown in enumerate(_lumas(release)):
        if i in plan.black or shown.shape != known[0].shape:
            continue
        apart = np.stack([np.abs(shown - k) for k in known])
        for r in plan.regions(i):
            x1, y1, x2, y2 = display.to_stored(r.box).to_ints()
            apart[:, max(y1 - 8, 0) : y2 + 8, max(x1 - 8, 0) : x2 + 8] = 0
        n, h, w = apart.shape
        blocks = apart[:, : h // 16 * 16, : w // 16 * 16].reshape(n, h // 16, 16, w // 16, 16).mean((2, 4))
        strange += bool(blocks.max((1, 2)).min() > STRANGE)
    return strange


def try_one(m: Mutation, worker: Worker, folder: Path, original: Path, seconds: float = SECONDS) -> Result:
    """Redacts a mutation of ``original`` in ``folder`` (made, and removed again) and judges what happened."""
    shutil.rmtree(folder, ignore_errors=True)
    work, scratch = folder / "work", folder / "scratch"
    work.mkdir(parents=True)
    scratch.mkdir()
    source = work / f"in{m.suffix}"
    output = work / ("out.mkv" if m.number % 2 else "out.mp4")
    source.write_bytes(m.data)
    job = {"source": str(source), "output": str(output), "scratch": str(scratch), "pool": False}
    job |= {"on_damage": m.on_damage, "audio": m.audio}
    began = time.monotonic()
    answer = worker.ask(job, seconds)
    if answer["verdict"] == "crashed":
        for left in [p for p in work.iterdir() if p != source]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        shutil.rmtree(scratch)
        scratch.mkdir()
        # A dead worker says nothing about the main process, which must outlive those of its pool.
        answer = worker.ask(job | {"pool": True}, 4 * seconds)
    took = time.monotonic() - began
    wrong = what_is_wrong(m, answer, source, output, scratch)
    strange = strange_frames(output, original) if answer["verdict"] == "released" and not wrong else 0
    shutil.rmtree(folder)
    if wrong:
        return Result(m, "failed", wrong, seconds=took)
    said, code, black = answer.get("message", ""), answer.get("code", 0), answer.get("black", 0)
    return Result(m, answer["verdict"], said, code, black, strange, took)


def what_is_wrong(m: Mutation, answer: dict[str, Any], source: Path, output: Path, scratch: Path) -> str | None:
    """What must not have happened; None where all is well."""
    if answer["verdict"] not in ("released", "refused"):
        return f"{answer['verdict']}: {answer['message']}"
    if hashlib.sha256(source.read_bytes()).digest() != hashlib.sha256(m.data).digest():
        return "the source changed"
    released = answer["verdict"] == "released"
    known = {source.name}
    if released:
        known |= {output.name, f"{output.name}.record.json", f"{output.name}.plan.json"}
    elif answer["code"] == 5:
        known.add(f"{output.name}.quarantine")
    here = {p.name for p in source.parent.iterdir()}
    if here != known:
        return f"files are there that should not, or the other way round: {sorted(here ^ known)}"
    if left := [p.name for p in scratch.iterdir()]:
        return f"temporary files are left: {left}"
    if released:
        frames = count_frames(output)
        if frames != answer["frames"]:
            return f"ffmpeg finds {frames} frames in the release, {answer['frames']} were counted in the source"
        if m.on_damage == "refuse" and (there := count_frames(source)) != frames:
            return f"ffmpeg finds {there} frames in the source, {frames} were released"
        return None
    if answer["code"] not in ALLOWED:
        return f"refused with exit code {answer['code']}: {answer['message']}"
    if "\n" in answer["message"]:
        return f"refused with more than one line: {answer['message']}"
    return None
