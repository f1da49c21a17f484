"""``redact bench size``: measures this machine on a clip and says how fast a cluster of such nodes would be."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from redact import api
from redact.batch.sizing import GPU_STAGE, Costs, Meter, NodeKind, cpu_seconds, first_bottleneck, predict
from redact.cli.application import bench
from redact.cli.output import errors, json_line, out
from redact.detect import best_device
from redact.errors import UsageError
from redact.pipeline import run_video
from redact.policy import Policy
from redact.run.local import LocalRunner, cores
from redact.words import plural


def measure(clip: Path, policy: Policy) -> Costs:
    """Costs of one second of footage like ``clip``, on one worker of this machine. Raises RedactError."""
    with TemporaryDirectory(prefix="redact-bench-") as name, LocalRunner(1) as runner:
        # The first video also pays for loading detectors, which a batch does once.
        run_video(clip, Path(name) / f"warm{clip.suffix}", policy, runner)
        meter = Meter(runner)
        output = Path(name) / f"release{clip.suffix}"
        began = cpu_seconds()
        outcome = run_video(clip, output, policy, meter)
        driver = cpu_seconds() - began - meter.counting_seconds
        # The source is read to count, to digest twice, to look, to render and to verify; the release is written
        # twice (segments, then the whole), read back once as segments, and twice whole.
        moved = 6 * clip.stat().st_size + 5 * output.stat().st_size
    looking = meter.by_stage(meter.wall)[GPU_STAGE] if best_device() != "cpu" else 0.0
    return Costs(
        {stage: spent / outcome.seconds for stage, spent in meter.by_stage(meter.cpu).items()},
        looking / outcome.seconds,
        driver / outcome.seconds,
        moved / outcome.seconds,
    )


def _made_clip(folder: Path) -> Path:
    from redact.demo import make_clip

    make_clip(folder / "street.mp4")
    return folder / "street.mp4"


def _counts(text: str) -> list[int]:
    try:
        counts = [int(n) for n in text.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 1:
        raise UsageError(f"{text!r}: is not a list of numbers of nodes.", "Write --nodes 1,10,100.")
    return counts


@bench.command(epilog="Example: redact bench size clip.mp4 --nodes 1,10,100 --cores 16")
def size(
    clip: Annotated[
        Path | None,
        typer.Argument(help="A video like those of the batch; else a clip is made.", show_default=False),
    ] = None,
    nodes: Annotated[str, typer.Option("--nodes", help="Numbers of nodes to predict for.")] = "1,2,5,10,20,50,100",
    node_cores: Annotated[int, typer.Option("--cores", min=0, help="Cores of a node; 0: like this one.")] = 0,
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs of a node, of the kind of this one.")] = 0,
    storage: Annotated[
        float, typer.Option("--storage", min=0, help="MB a second that all nodes together get; 0: no limit.")
    ] = 0.0,
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="Name of a recipe or path of a TOML file.")] = (
        api.DEFAULT_RECIPE
    ),
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Measure this machine and predict hours of footage an hour for clusters of such nodes."""
    with errors():
        counts = _counts(nodes)
        kind = NodeKind(node_cores or cores(), gpus)
        with TemporaryDirectory(prefix="redact-clip-") as name:
            costs = measure(clip or _made_clip(Path(name)), api.policy_of(recipe))
        rows = [predict(costs, kind, n, storage * 1e6) for n in counts]
        narrow = first_bottleneck(costs, kind, storage * 1e6)
        if as_json:
            found = {"costs": asdict(costs), "node": asdict(kind), "predictions": [asdict(r) for r in rows]}
            json_line(found | {"first_bottleneck": narrow})
            return
        table = Table(box=None)
        for head in ("nodes", "hours of footage an hour", "limited by"):
            table.add_column(head, justify="right")
        for r in rows:
            table.add_row(str(r.nodes), f"{r.hours_per_hour:.1f}", r.bottleneck)
        out.print(table)
        stages = ", ".join(f"{s} {c:.3f}" for s, c in costs.cpu.items())
        what = escape(clip.name) if clip else "the clip of redact demo"
        out.print(f"measured on one worker with {what}, core seconds a second of footage: {stages}")
        out.print(f"driver {costs.driver:.4f}; {costs.moved / 1e6:.2f} MB moved to and from storage")
        if narrow is None:
            out.print("cores and GPUs are the limit at any size")
        else:
            out.print(f"from {plural(narrow[1], 'node')} on the {narrow[0]} is the limit")
