"""What redact costs, beside a plain transcode and deface, on the same clip and the same clock.

    python benchmarks/throughput.py                                     # the clip of `redact demo`
    python benchmarks/throughput.py --clip street.mp4 --seconds 60 --peers
    python benchmarks/throughput.py --memory                            # 1, 4 and 16 times the clip

Each tool is a process of its own, from its start to its end. Wall time is on the monotonic clock. CPU
time is what the kernel charges to the process and to all that it waited for (wait4). Resident memory is
the largest sum over the process and all its descendants, looked at five times a second; a page that n of
them share counts for an n-th in each (proportional set size). The floor is ffmpeg with the same preset
and CRF, on as many threads as redact has workers: decoding and encoding, which no tool gets around.

The stages are measured in one process, with the functions that the workers call. Decoding is measured
by itself and taken off the two stages that contain it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import av
import psutil
from machine import DEFACE, ROOT, cores, deface_program, ffmpeg, machine, transcode

from redact.batch.sizing import cpu_seconds, timed

CACHE = ROOT / ".cache" / "throughput"
EVERY = 0.2  # seconds between two looks at memory

T = TypeVar("T")


# --- Clips -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clip:
    """A file with its length in seconds and frames, and its size in pixels."""

    file: Path
    seconds: float
    frames: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.file.stem}, {self.width}x{self.height}, {self.frames} frames, {self.seconds:.1f} s"


def measured(file: Path) -> Clip:
    """Counts a file's frames."""
    with av.open(f"file:{file}") as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        base, size = stream.time_base, (stream.width, stream.height)
        times = [(p.pts, p.duration or 0) for p in container.demux(stream) if p.pts is not None]
    last, duration = max(times)
    return Clip(file, float((last + duration - min(times)[0]) * base), len(times), *size)


def demo_clip() -> Path:
    """The clip of ``redact demo``."""
    from redact.demo import make_clip

    file = CACHE / "demo.mp4"
    if not file.exists():
        make_clip(file)
    return file


def of_length(clip: Clip, seconds: float) -> Clip:
    """The clip again and again, or its beginning, without coding it anew: ``seconds`` long or a little more."""
    file = CACHE / f"{clip.file.stem}-{seconds:g}s.mp4"
    loops = int(seconds / clip.seconds)
    command = [ffmpeg(), "-v", "error", "-nostdin", "-y", "-stream_loop", str(loops), "-i", f"file:{clip.file}"]
    command += ["-map", "0:V:0", "-c", "copy", "-t", f"{seconds:g}", f"file:{file}"]
    subprocess.run(command, check=True)
    return measured(file)


# --- Measuring a process ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What a process and its descendants took: seconds of wall and CPU time, bytes of resident memory."""

    clip: Clip
    wall: float
    cpu: float
    resident: int

    @property
    def real_time(self) -> float:
        """How much faster than the clip plays."""
        return self.clip.seconds / self.wall


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for p in (process, *process.children(recursive=True)):
            try:
                total += p.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
    except psutil.NoSuchProcess:
        pass
    return total


def cost(command: Sequence[str | Path], clip: Clip) -> Cost:
    """Runs a command to its end. Raises SystemExit where it fails."""
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        child = subprocess.Popen([str(c) for c in command], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
        watched = psutil.Process(child.pid)
        resident = 0
        while True:
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            resident = max(resident, _resident(watched))
            time.sleep(EVERY)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it again
        if child.returncode:
            said.seek(0)
            raise SystemExit(f"{command[0]} failed: {said.read().decode(errors='replace')}")
    return Cost(clip, wall, used.ru_utime + used.ru_stime, resident)


def redact_command(clip: Clip, output: Path, recipe: str) -> list[str | Path]:
    return [sys.executable, "-m", "redact", "run", clip.file, "-o", output, "--force", "--recipe", recipe]


def compare(clip: Clip, recipe: str, peers: bool, peer_seconds: float, folder: Path) -> dict[str, Cost]:
    """Costs by name. The peer is slow, so it gets the clip's first ``peer_seconds`` only."""
    from redact.api import policy_of

    encode = policy_of(recipe).encode
    plain = transcode(clip.file, folder / "plain.mp4", crf=encode.crf, preset=encode.preset, threads=cores())
    out = {
        "redact": cost(redact_command(clip, folder / "redact.mp4", recipe), clip),
        "plain transcode": cost(plain, clip),
    }
    if peers:
        short = clip if clip.seconds <= peer_seconds else of_length(clip, peer_seconds)
        name = f"deface {DEFACE}"
        name += f", first {short.seconds:.1f} s" if short is not clip else ""
        out[name] = cost([deface_program(), short.file, "-o", folder / "deface.mp4"], short)
    return out


def table(costs: dict[str, Cost]) -> list[str]:
    """A row for each tool; speeds are compared by the frame."""
    out = [
        "| what | wall, s | times real time | redact is faster, by wall time | CPU, s | CPU, ms a frame "
        "| CPU, times the plain transcode | resident at most, MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    floor, ours = costs["plain transcode"], costs["redact"]
    for name, c in costs.items():
        cells = [
            f"{c.wall:.1f}",
            f"{c.real_time:.2f}",
            f"{(c.wall / c.clip.frames) / (ours.wall / ours.clip.frames):.1f} times",
            f"{c.cpu:.1f}",
            f"{1000 * c.cpu / c.clip.frames:.0f}",
            f"{(c.cpu / c.clip.frames) / (floor.cpu / floor.clip.frames):.2f}",
            f"{c.resident / 2**20:.0f}",
        ]
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    return out


def memory_table(clip: Clip, recipe: str, folder: Path, times: Sequence[int] = (1, 4, 16)) -> list[str]:
    """Resident memory of redact for the clip shown once and several times over."""
    out = ["| clip | frames | wall, s | CPU, ms a frame | resident at most, MiB |", "|---|---|---|---|---|"]
    for n in times:
        long = of_length(clip, n * clip.seconds - 0.001)
        c = cost(redact_command(long, folder / "out.mp4", recipe), long)
        cells = [f"{long.frames}", f"{c.wall:.1f}", f"{1000 * c.cpu / long.frames:.0f}", f"{c.resident / 2**20:.0f}"]
        out.append(f"| {n} x {clip.seconds:.1f} s | " + " | ".join(cells) + " |")
        print(out[-1], file=sys.stderr)
    return out


# --- Stages ----------------------------------------------------------------------------------------


class Timed:
    """Runs jobs in this process and adds up the CPU time of each function."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        for job in jobs:
            result, took = timed(function, *job)
            self.spent[function.__name__] += took.cpu
            yield result


def stages(clip: Clip, recipe: str, folder: Path) -> dict[str, float]:
    """CPU seconds by stage, for the whole clip."""
    import cv2

    from redact.api import policy_of
    from redact.media.decode import decode
    from redact.media.segments import plan_segments
    from redact.media.source import excerpt
    from redact.pipeline import run_video
    from redact.stages import detector
    from redact.video import open_video

    cv2.setNumThreads(1)  # as the workers do
    policy = policy_of(recipe)
    d = policy.detect
    for name in dict.fromkeys((*d.detectors, *d.second_detectors, *policy.verify.detectors)):
        detector(name, d.low_score)  # loaded once a process, however long the video is
    source = open_video(clip.file, policy)
    began = cpu_seconds()
    for segment in plan_segments(source):
        for _ in decode(excerpt(source, segment)):
            pass
    decoding = cpu_seconds() - began
    runner, began = Timed(), cpu_seconds()
    outcome = run_video(clip.file, folder / "stages.mp4", policy, runner, force=True)
    whole = cpu_seconds() - began
    spent = runner.spent
    rounds = 1 + outcome.repairs
    again = f", {rounds} times" if outcome.repairs else ""
    out = {
        "count and listen (probe)": spent["open_video"] + spent["listen"],
        f"decode, {1 + rounds} times": (1 + rounds) * decoding,
        "look (detect)": spent["analyse"] - decoding,
        "track and decide": spent["make_plan"] + whole - spent.total(),
        f"obscure and encode{again}": spent["take_levels"] + spent["render"] - rounds * decoding,
        "mux": spent["mux"],
        f"verify (decodes source and release){again}": spent["check_stretch"] + spent["inspect"],
        "digests": spent["file_sha256"],
    }
    return out | {"**all**": whole}


def stage_table(clip: Clip, spent: dict[str, float]) -> list[str]:
    out = ["| stage | CPU, ms a frame | share |", "|---|---|---|"]
    whole = spent["**all**"]
    return out + [f"| {k} | {1000 * v / clip.frames:.1f} | {v / whole:.0%} |" for k, v in spent.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description="What redact costs, beside a plain transcode and deface.")
    parser.add_argument("--clip", type=Path, help="the clip of `redact demo` where none is named")
    parser.add_argument("--seconds", type=float, help="loop or cut the clip to this length")
    parser.add_argument("--recipe", default="public-release")
    parser.add_argument("--peers", action="store_true", help="deface, too, in an environment of its own")
    parser.add_argument("--peer-seconds", type=float, default=4.0, help="how much of the clip the peer gets")
    parser.add_argument("--memory", action="store_true", help="resident memory for 1, 4 and 16 times the clip, alone")
    parser.add_argument("--no-stages", action="store_true", help="leave out the table of stages")
    parser.add_argument("--write", type=Path, help="also write the tables to this file, after what it holds")
    args = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    clip = measured(args.clip or demo_clip())
    if args.seconds:
        clip = of_length(clip, args.seconds)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        lines = [f"## {clip}", "", machine(), ""]
        if args.memory:
            lines += memory_table(clip, args.recipe, folder)
        else:
            lines += table(compare(clip, args.recipe, args.peers, args.peer_seconds, folder))
            if not args.no_stages:
                lines += ["", *stage_table(clip, stages(clip, args.recipe, folder))]
    text = "\n".join(lines) + "\n"
    print(text)
    if args.write:
        known = args.write.read_text() + "\n" if args.write.exists() else "# What redact costs\n\n"
        args.write.write_text(known + text)


if __name__ == "__main__":
    main()
