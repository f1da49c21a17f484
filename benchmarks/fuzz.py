"""Damages video files by the thousand and shows that each is either released, verified, or refused with a reason.

    python benchmarks/fuzz.py --count 1000 --seed 1
    python benchmarks/fuzz.py --seed 1 --only 137          # one mutation again, its file kept

The files are pictures of the demo clip in every container and codec that the tests know. A mutation
is made of one to three edits and depends on the seed and its number alone. It is redacted in a
worker process with limited memory and limited time. What passes:

- released: `redact.verify` finds nothing wrong with it afterwards, and an ffmpeg process that counts
  the frames of the release finds as many as were counted in the source. Where the recipe refuses
  damage, ffmpeg finds as many in the damaged source, too.
- refused: a RedactError in one sentence, whose exit code says that the source is to blame or that the
  release was not good enough.

Of what was released it is also told, for each file, whether it shows a picture that the undamaged file
does not have: a bit that flipped inside a coefficient decodes without complaint, and no checksum tells.
Such pictures were searched and verified like any other, so this is no failure, but it shows how much
damage a decoder's errors, our witness of damage, do not tell.

Anything else is a failure, and its file is kept: another exception, a crash, a hang, a source that
changed, files left behind, a request that is called wrong although it is not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]  # this checkout, whichever is installed

from clips import Clip, write_clip  # noqa: E402
from kinds import CASES  # noqa: E402
from machine import machine  # noqa: E402

T = TypeVar("T")

FRAMES = 20
SIZE = (320, 180)
HEAD = 4096  # bytes at either end of a file that count as its header: where indexes and parameters lie
MEMORY = 6 << 30  # bytes of address space for the worker
STRANGE = 24.0  # 8-bit steps, mean of a block
SECONDS = 120.0  # for one mutation; a sound file takes two
# Exit codes that a damaged source may end with; see docs/exit-codes.md.
ALLOWED = {3: "source", 5: "verification", 7: "worker died"}


# --- Files -----------------------------------------------------------------------------------------


@cache
def _pictures() -> tuple[np.ndarray, ...]:
    """Frames from the demo clip, RGB: the end of its street with people, a cut, and a walk past the camera."""
    from redact.demo import frames

    chosen = [f for i, f in enumerate(frames()) if 60 <= i < 70 or 95 <= i < 105]
    return tuple(chosen[:FRAMES])


def _picture(clip: Clip, i: int) -> np.ndarray:
    return cv2.resize(_pictures()[i], (clip.width, clip.height), interpolation=cv2.INTER_AREA)


def make_files(folder: Path, kinds: Iterable[str] = CASES) -> dict[str, Path]:
    """Writes one short clip of each kind, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in kinds:
        clip = CASES[name]
        odd = clip.width % 2
        audio = name in ("h264.mp4", "h264.mkv", "mpeg2.ts")
        small = replace(clip, width=SIZE[0] + odd, height=SIZE[1] + odd, frames=FRAMES, gop=8, audio=audio)
        small = replace(small, bitexact=True, options=_same_each_time(clip))
        files[name] = write_clip(folder / name, small, _picture)
    return files


def _same_each_time(clip: Clip) -> tuple[tuple[str, str], ...]:
    """The clip's options, and for x264 no macroblock tree: with AVX-512 its bytes differ from run to run."""
    if clip.codec != "libx264":
        return clip.options
    options = dict(clip.options)
    params = [v for v in (options.get("x264-params"), "mbtree=0") if v]
    return tuple((options | {"x264-params": ":".join(params)}).items())


# --- Mutations -------------------------------------------------------------------------------------

Edit = Callable[[bytearray, random.Random], None]


def _place(data: bytearray, rng: random.Random) -> int:
    """Somewhere in a file; half of the time in its first or last ``HEAD`` bytes."""
    n = len(data)
    spots = (rng.randrange(n), rng.randrange(n), rng.randrange(min(n, HEAD)), max(0, n - 1 - rng.randrange(HEAD)))
    return rng.choice(spots)


def _run(data: bytearray, rng: random.Random) -> slice:
    """A run of 1 byte to some kilobytes; short ones as likely as long ones."""
    at = _place(data, rng)
    return slice(at, min(len(data), at + int(2 ** rng.uniform(0, 13))))


def flip_bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: random.Random) -> None:
    """A run of zeros, of ones, or of noise, as a bad sector reads."""
    s = _run(data, rng)
    n = s.stop - s.start
    data[s] = rng.choice((bytes(n), b"\xff" * n, rng.randbytes(n)))


def cut(data: bytearray, rng: random.Random) -> None:
    """The end, or now and then the beginning, is missing."""
    at = _place(data, rng)
    if rng.random() < 0.2:
        del data[:at]
    else:
        del data[at + 1 :]


def drop(data: bytearray, rng: random.Random) -> None:
    del data[_run(data, rng)]


def duplicate(data: bytearray, rng: random.Random) -> None:
    s = _run(data, rng)
    at = s.stop if rng.random() < 0.5 else _place(data, rng)
    data[at:at] = data[s]


def swap(data: bytearray, rng: random.Random) -> None:
    a, b = _run(data, rng), _run(data, rng)
    n = min(a.stop - a.start, b.stop - b.start)
    a, b = slice(a.start, a.start + n), slice(b.start, b.start + n)
    data[a], data[b] = data[b], data[a]


def insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(int(2 ** rng.uniform(0, 12)))


def edit_number(data: bytearray, rng: random.Random) -> None:
    """A number in a header becomes an extreme one, or is off by a little."""
    size = rng.choice((1, 2, 4, 8))
    order = rng.choice(("big", "little"))
    at = min(_place(data, rng), max(0, len(data) - size))
    old = int.from_bytes(data[at : at + size], order)
    top = 1 << 8 * size
    new = rng.choice((0, 1, top - 1, top // 2, top // 2 - 1, old + 1, old - 1, old * 2, old // 2, rng.randrange(top)))
    data[at : at + size] = (new % top).to_bytes(size, order)


def edit_box(data: bytearray, rng: random.Random) -> None:
    """A field of an MP4 box, or what follows another four-letter tag."""
    tags = (b"moov", b"mvhd", b"tkhd", b"edts", b"elst", b"mdhd", b"hdlr", b"stsd", b"avc1", b"avcC", b"hvcC", b"stts")
    tags += (b"ctts", b"stsc", b"stsz", b"stco", b"stss", b"mdat", b"RIFF", b"LIST", b"avih", b"strh", b"strf", b"idx1")
    tags += (b"matroska", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b")
    here = [at for t in tags if (at := data.find(t)) >= 0]
    if not here:
        return edit_number(data, rng)
    at = rng.choice(here) + rng.choice((-4, *range(0, 40)))
    size = rng.choice((1, 2, 4))
    at = max(0, min(at, len(data) - size))
    top = 1 << 8 * size
    new = rng.choice((0, 1, 2, top - 1, top // 2, rng.randrange(top)))
    data[at : at + size] = new.to_bytes(size, "big")
    return None


EDITS: tuple[Edit, ...] = (flip_bits, overwrite, cut, drop, duplicate, swap, insert, edit_number, edit_box)


@dataclass(frozen=True)
class Mutation:
    """One damaged file and how it is to be redacted."""

    number: int
    kind: str
    edits: tuple[str, ...]
    data: bytes
    on_damage: str
    """What the recipe says of damage: ``refuse`` or ``black``."""
    audio: str

    @property
    def suffix(self) -> str:
        return Path(self.kind).suffix


def mutate(files: dict[str, Path], seed: int, number: int) -> Mutation:
    """The mutation of this number: depends on nothing but the arguments."""
    rng = random.Random(f"{seed}/{number}")
    kind = list(files)[number % len(files)]
    data = bytearray(files[kind].read_bytes())
    edits = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            edit = rng.choice(EDITS)
            edit(data, rng)
            edits.append(edit.__name__)
    return Mutation(
        number, kind, tuple(edits), bytes(data), rng.choice(("refuse", "black")), rng.choice(("drop", "keep"))
    )


# --- The worker ------------------------------------------------------------------------------------


class Here:
    """Runs jobs in this process, so that its memory limit holds for all of them."""

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        return (function(*job) for job in jobs)


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
                    [sys.executable, __file__, "--worker"],
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


# --- The judge -------------------------------------------------------------------------------------


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
    wrong = _wrong(m, answer, source, output, scratch)
    strange = strange_frames(output, original) if answer["verdict"] == "released" and not wrong else 0
    shutil.rmtree(folder)
    if wrong:
        return Result(m, "failed", wrong, seconds=took)
    said, code, black = answer.get("message", ""), answer.get("code", 0), answer.get("black", 0)
    return Result(m, answer["verdict"], said, code, black, strange, took)


def _wrong(m: Mutation, answer: dict[str, Any], source: Path, output: Path, scratch: Path) -> str | None:
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


# --- The table -------------------------------------------------------------------------------------


def table(results: Sequence[Result]) -> list[str]:
    """One row for each kind of file, and one for all."""
    out = [
        "| file | mutations | released whole | released, damaged frames black | of these with a strange picture "
        "| refused: source (3) | refused: not verified (5) | refused: worker died (7) | failures |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups = {kind: [r for r in results if r.mutation.kind == kind] for kind in CASES}
    for name, group in [*((k, g) for k, g in groups.items() if g), ("**all**", list(results))]:
        whole = sum(r.verdict == "released" and not r.black for r in group)
        black = sum(r.verdict == "released" and r.black > 0 for r in group)
        codes = Counter(r.code for r in group if r.verdict == "refused")
        failed = sum(r.verdict == "failed" for r in group)
        strange = sum(r.strange > 0 for r in group)
        cells = [len(group), whole, black, strange, *(codes[c] for c in ALLOWED), failed]
        out.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
    return out


def _keep(r: Result, folder: Path, seed: int) -> Path:
    """Keeps the file of a failure, with what is known of it."""
    m = r.mutation
    kept = folder / f"{seed}-{m.number}"
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"in{m.suffix}").write_bytes(m.data)
    known = {"seed": seed, "number": m.number, "kind": m.kind, "edits": m.edits, "on_damage": m.on_damage}
    (kept / "report.json").write_text(json.dumps(known | {"audio": m.audio, "message": r.message}, indent=1))
    return kept


def fuzz(
    numbers: Iterable[int], seed: int, folder: Path, *, kinds: Iterable[str] = CASES, seconds: float = SECONDS
) -> Iterator[Result]:
    """Tries the mutations of these numbers, one after the other. Works in ``folder``."""
    files = make_files(folder / "files", kinds)
    worker = Worker(folder / "worker.log")
    try:
        for number in numbers:
            m = mutate(files, seed, number)
            yield try_one(m, worker, folder / "case", files[m.kind], seconds)
    finally:
        worker.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Damages files and shows that each is released or refused.")
    parser.add_argument("--count", type=int, default=1000, help="how many mutations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--only", type=int, help="this mutation alone; its file is kept whatever happens")
    parser.add_argument("--keep-strange", action="store_true", help="keep files whose release has a strange picture")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "fuzz", help="where to work and keep failures")
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return serve()
    end = time.monotonic() + 60 * args.minutes
    numbers = [args.only] if args.only is not None else range(args.first, args.first + args.count)
    results: list[Result] = []
    for r in fuzz(numbers, args.seed, args.folder):
        results.append(r)
        m = r.mutation
        said = f"{m.number} {m.kind} {'+'.join(m.edits)} ({m.on_damage}): {r.verdict} {r.code or ''}"
        said += f", {r.black} black, {r.strange} strange" if r.verdict == "released" else f" {r.message}"
        print(f"{said} ({r.seconds:.1f} s)", file=sys.stderr, flush=True)
        if r.verdict == "failed" or args.only is not None or (args.keep_strange and r.strange):
            print(f"    kept in {_keep(r, args.folder / 'kept', args.seed)}", file=sys.stderr, flush=True)
        if time.monotonic() > end:
            break
    text = "\n".join(table(results)) + "\n"
    print(text)
    if args.write:
        # A strange picture: one that the undamaged file lacks; see above.
        args.write.write_text(f"# {len(results)} damaged files, seed {args.seed}\n\n{machine()}\n\n{text}")
    sys.exit(any(r.verdict == "failed" for r in results))


if __name__ == "__main__":
    main()
