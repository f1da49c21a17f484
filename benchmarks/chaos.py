"""A batch over real clips on a cluster of three nodes while its workers are killed, against a single process.

    python benchmarks/chaos.py [--kills 10] [--whole] [--keep FOLDER] [--write]

At least twenty requests over the clips of `$REDACT_DATA`: three recipes, parts, zones, mutes, a broken file, a request
listed twice. Every few seconds a worker that is at work is killed with SIGKILL. In the end all releases and plans must
be the single process's, byte for byte, in the order of the requests. ``--whole``: whole clips instead of two seconds
of each. ``--keep``: where the releases and the report of the batch go.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "run"))
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray's way to say: use the loopback address

from machine import ROOT, machine, real_clips
from carrying import Carried, carry
from footage import leftovers
from nodes import Assassin, Nodes

from redact.run.cluster import ClusterRunner
from redact.run.local import LocalRunner

RECIPES = ("export-batch", "public-release", "mosaic.toml")


def write_requests(folder: Path, whole: bool) -> Path:
    """A file of requests over the real clips."""
    clips = sorted(real_clips().glob("*.mp4"))
    if not clips:
        raise SystemExit(f"{real_clips()}: no clips; set REDACT_DATA to the folder that holds clips/")
    mosaic = (ROOT / "pipelines" / "export-batch.toml").read_text().replace('method = "blur"', 'method = "mosaic"')
    (folder / "mosaic.toml").write_text(mosaic)
    (folder / "broken.mp4").write_bytes(clips[0].read_bytes()[:100_000])
    end = {} if whole else {"end": 2}
    rows: list[dict[str, Any]] = []
    for n, clip in enumerate(clips):
        source = {"source": str(clip), "recipe": RECIPES[n % 3]}
        rows += [
            {"id": f"{n}-full", **source, **end},
            {"id": f"{n}-part", **source, "start": 0.5, "end": 1.5, "mute": ["0.6-0.9"]},
            {
                "id": f"{n}-zone",
                **source,
                **end,
                "zones": ["screen: 0.1,0.1 0.4,0.1 0.4,0.5", "gate @ 1-2: 0,0 9,0 9,9"],
            },
        ]
    rows.insert(5, {"id": "broken", "source": "broken.mp4", "recipe": "export-batch"})
    rows.append(rows[0])
    defaults = {"operator": "07", "purpose": "a benchmark", "legal_basis": "none needed"}
    file = folder / "requests.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in [{"defaults": defaults}, *rows]))
    return file


def report(alone: Carried, carried: Carried, killed: int, walls: tuple[float, float]) -> str:
    """What is to be said of it, in Markdown."""
    fates = ", ".join(f"{n} {fate}" for fate, n in sorted(Counter(carried.fates.values()).items()))
    order = [r.id for r in carried.results] == [r.id for r in alone.results]
    rows = {
        "requests": f"{len(carried.results)} ({fates})",
        "workers killed": str(killed),
        "releases and plans compared": str(len(carried.files)),
        "the same bytes as the single process's": str(carried.files == alone.files),
        "the same fates, in the order of the requests": str(order and carried.fates == alone.fates),
        "seconds by the clock, undisturbed single process": f"{walls[0]:.0f}",
        "seconds by the clock, three nodes with kills": f"{walls[1]:.0f}",
    }
    lines = [
        "# A batch on three nodes while its workers are killed",
        "",
        machine(),
        "",
        "| what | measured |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| {k} | {v} |" for k, v in rows.items())]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--pause", type=float, default=6.0, help="seconds between two kills")
    parser.add_argument("--whole", action="store_true", help="whole clips instead of two seconds of each")
    parser.add_argument("--keep", type=Path, help="where the releases and the report go")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/chaos.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="redact-chaos-") as name:
        requests = write_requests(Path(name), options.whole)
        began = time.monotonic()
        with LocalRunner(1) as one:
            alone = carry(requests, Path(name) / "alone", one, at_once=1)
        first = time.monotonic() - began
        print(f"alone: {first:.0f} s", flush=True)
        out = options.keep or Path(name) / "out"
        with Nodes() as nodes:
            nodes.add(cpus=1)
            nodes.add(cpus=1)
            began = time.monotonic()
            with (
                ClusterRunner(nodes.address) as runner,
                Assassin(nodes, times=options.kills, pause=options.pause) as assassin,
            ):
                carried = carry(requests, out, runner, at_once=3)
            second = time.monotonic() - began
        text = report(alone, carried, len(assassin.killed), (first, second))
        print(text)
        for r in carried.results:
            if r.reason:
                print(f"{r.id}: {r.fate}: {r.reason}")
        left = leftovers(out)
    if options.write:
        (ROOT / "benchmarks" / "results" / "chaos.md").write_text(text)
    if carried.files != alone.files or carried.fates != alone.fates or left:
        raise SystemExit(f"not the same, or something is left: {left}")


if __name__ == "__main__":
    main()
