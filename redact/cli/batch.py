"""The commands for batches: ``redact batch`` and ``redact status``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from redact import api
from redact.batch.check import check_sources
from redact.batch.estimate import Estimate, estimate
from redact.batch.events import check_events, open_events
from redact.batch.results import Fate, Node
from redact.batch.run import Told, batch_state, check_batch, inputs_of, make_folder, run_batch
from redact.batch.state import State
from redact.batch.state import as_json as state_json
from redact.cli.application import app
from redact.cli.output import answers, err, errors, json_line, out
from redact.display import BatchDisplay
from redact.errors import SpaceError
from redact.inputs import check_named
from redact.run.local import LocalRunner
from redact.video import Runner
from redact.words import plural


@dataclass(frozen=True, slots=True)
class _Hands:
    """Who does the work: a runner, what stops it, how many workers, who tells its nodes, whom to show the state."""

    runner: Runner
    stop: Callable[[], None]
    workers: int
    nodes: Callable[[], tuple[Node, ...]]
    show: Callable[[State], None]


@contextmanager
def _hands(address: str, workers: int) -> Iterator[_Hands]:
    if not address:
        with LocalRunner(workers or None) as local:
            here = (Node("this machine", local.workers),)
            yield _Hands(local, local.stop, local.workers, lambda: here, lambda state: None)
        return
    from redact.run.cluster import ClusterRunner
    from redact.run.metrics import BatchMetrics

    with ClusterRunner(address) as cluster:
        metrics = BatchMetrics()

        def show(s: State) -> None:
            metrics.show(
                frames=s.frames,
                fates={fate: s.fates.get(fate, 0) for fate in Fate},
                times_real_time=s.hours_per_hour,
                in_flight=len(s.in_flight),
                left=s.listed - s.finished,
            )

        yield _Hands(
            cluster,
            cluster.stop,
            cluster.workers,
            lambda: tuple(Node(n.name, n.cpus, n.gpus) for n in cluster.nodes()),
            show,
        )


def _line(state: State) -> str:
    fates = ", ".join(f"{n} {fate}" for fate, n in state.fates.items() if n)
    return (
        f"{state.finished} of {state.listed} done ({fates or 'none'}), {len(state.in_flight)} in flight, "
        f"{state.hours_per_hour:.1f} hours of footage an hour"
    )


@app.command(epilog="Example: redact batch requests.csv -o releases/")
def batch(
    requests: Annotated[Path, typer.Argument(help="TOML, CSV or JSON Lines; see docs/requests.md.")],
    output: Annotated[str, typer.Option("--output", "-o", help="A folder, or an fsspec address.")],
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="For requests that name none.")] = (api.DEFAULT_RECIPE),
    address: Annotated[
        str, typer.Option("--address", help="A Ray cluster: auto, ray://HOST:PORT, or local for one made here.")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=0, help="Processes without a cluster; 0 for one a core.")
    ] = 0,
    at_once: Annotated[int, typer.Option("--at-once", min=0, help="Videos side by side; 0: by the workers.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, estimate, and do nothing.")] = False,
    events: Annotated[Path | None, typer.Option("--events", help="Append what happens, as JSON Lines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per request on stdout.")] = False,
) -> None:
    """Carry out a list of export requests, on this machine or on a cluster."""
    with errors(), ExitStack() as stack:
        check_named(output)
        listed, place = check_batch(requests, output, recipe, api.policy_of)
        for notice in listed.notices:
            err.print(escape(notice))
        if events is not None:
            check_events(events, inputs_of(listed))
        hands = stack.enter_context(_hands(address, workers))
        check_sources(listed, hands.runner)
        if dry_run:
            _show_estimate(estimate(listed, place, hands.runner, hands.workers), as_json)
            return
        log = None if events is None else stack.enter_context(open_events(events, inputs_of(listed)))
        journal = make_folder(place)
        display = stack.enter_context(BatchDisplay(err))

        def tell(told: Told) -> None:
            display.show(told.state)
            hands.show(told.state)
            r = told.result
            if r is None:
                return
            if as_json:
                names = ("id", "fate", "output", "reason", "notes", "quarantine")
                json_line({name: getattr(r, name) for name in names})
            elif r.fate is Fate.RELEASED:
                done = "done before" if r.earlier else "released"
                out.print(f"[bold green]{done}[/] {escape(r.id)}: {escape(r.output)}")
                for note in r.notes:
                    out.print(f"  [yellow]note:[/] {escape(note)}")
            else:
                out.print(f"[bold red]{r.fate}[/] {escape(r.id)}: {escape(r.reason)}")
                if r.quarantine:
                    folder = escape(repr(str(place.folder / r.quarantine)))
                    out.print(f"  Look at {folder}, correct the plan there and render it (docs/requests.md).")

        summary = run_batch(
            listed,
            journal,
            place,
            hands.runner,
            at_once=at_once or max(2, hands.workers // 8 + 1),
            nodes=hands.nodes,
            tell=tell,
            events=log,
            stop=hands.stop,
            warn=lambda sentence: err.print(escape(sentence)),
        )
        bad = [r for r in summary.results if r.fate is not Fate.RELEASED]
        err.print(f"report: {escape(str(place.folder / 'report.html'))}")
        if bad:
            raise typer.Exit(5 if any(r.fate is Fate.QUARANTINED for r in bad) else 3)


@app.command(epilog="Example: redact status releases/")
def status(
    folder: Annotated[Path, typer.Argument(help="The folder of a batch.")],
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show how far a batch is, from another terminal."""
    with errors():
        state = batch_state(folder)
        if as_json:
            answers.write(state_json(state) + "\n")
            return
        out.print(("running: " if state.running else "not running: ") + _line(state))
        table = Table(show_header=False, box=None)
        for f in state.in_flight:
            table.add_row(escape(f.output), f.phase, f"{f.done}/{plural(f.total, 'frame')}")
        for n in state.nodes:
            table.add_row(escape(n.name), plural(n.cpus, "core"), plural(n.gpus, "GPU"))
        out.print(table)


def _show_estimate(e: Estimate, as_json: bool) -> None:
    if as_json:
        answers.write(e.as_json() + "\n")
    else:
        _print_estimate(e)
    # As the batch would end: for what is missing, or for what would be refused.
    if e.disk_gib > e.free_gib:
        raise SpaceError(f"The batch needs {e.disk_gib:.1f} GiB, {e.free_gib:.1f} GiB are free.", "Free some space.")
    if e.problems:
        raise typer.Exit(3)


def _print_estimate(e: Estimate) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("requests", f"{e.jobs} to do, {e.done} done before")
    table.add_row("footage", f"{plural(e.frames, 'frame')}, {e.hours:.2f} hours")
    hands = plural(e.workers, "worker")
    table.add_row("estimated time", f"{e.wall_hours:.2f} hours on {hands} (one segment was tried)")
    table.add_row("disk needed", f"{e.disk_gib:.1f} GiB; {e.free_gib:.1f} GiB free")
    out.print(table)
    for problem in e.problems:
        out.print(f"[bold red]would be refused[/] {escape(problem)}")
