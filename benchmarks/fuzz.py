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
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from machine import ROOT, machine
from fuzzing.files import CASES, make_files
from fuzzing.judge import ALLOWED, SECONDS, Result, try_one
from fuzzing.mutations import mutate
from fuzzing.worker import Worker


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
    args = parser.parse_args()
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
