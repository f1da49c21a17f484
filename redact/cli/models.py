"""The commands for models: ``redact models list`` and ``redact models pull``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from redact.cli.application import models
from redact.cli.output import err, errors, out
from redact.detect.cards import Card, Evaluation, load_card, load_cards


def _facts(card: Card) -> Table:
    table = Table(title=f"{card.name} {card.version}", title_justify="left", show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a digest that is cut is of no use
    form = card.input
    table.add_row("finds", ", ".join(sorted(card.finds)))
    table.add_row("what", escape(card.description))
    table.add_row("licence", escape(card.licence))
    table.add_row(
        "input",
        f"{form.size_px} px, sides a multiple of {form.multiple_of}, {form.order}, values divided by {form.divisor:g}",
    )
    low, high = card.thresholds.low, card.thresholds.high
    table.add_row("thresholds", f"{low:.2f} to go on with a track, {high:.2f} to begin one")
    for form_name, weights in card.files.items():
        table.add_row(f"{form_name}", f"{escape(weights.location)}, SHA-256 {weights.sha256}")
    for text in card.weaknesses:
        table.add_row("weakness", escape(text))
    return table


_SIZES: tuple[Literal["8-16", "16-32", "32+"], ...] = ("8-16", "16-32", "32+")
_ROW = " {:<5.5}{:<6}{:>4}{:>6}{:>6}{:>7}{:>6}{:>7}{:>7}{:>8}{:>8}{:>7}"
_HEAD = _ROW.format("set", "kind", "px", "score", "n", "found", *_SIZES, "covered", "others", "CPU-ms")
_LEGEND = """\
px: long side of the pictures that were shown. n: labelled things. found: share
of them from this score on, and of those 8-16, 16-32, 32 px high and more.
covered: share that lies under padded findings. others: findings a picture on
nothing labelled; with "<" not all was labelled. CPU-ms: one thread, a picture."""


def _numbers(rows: tuple[Evaluation, ...]) -> str:
    """One measurement a line, in 80 columns."""
    lines = [_HEAD]
    for e in rows:
        bins = {b.px: f"{b.recall:.3f}" for b in e.bins}
        others = f"{'' if e.all_labelled else '<'}{e.unmatched_per_picture:.2f}"
        shown = (f"{e.score:.2f}", str(e.boxes), f"{e.recall:.3f}", *(bins.get(px, "") for px in _SIZES))
        cost = f"{e.cpu_ms_per_picture:.0f}"
        lines.append(_ROW.format(e.set, e.kind, e.size_px, *shown, f"{e.covered:.3f}", others, cost))
    return "\n".join(lines)


@models.command("list", epilog="Example: redact models list")
def models_list() -> None:
    """Show the model cards: what each model is, and what was measured of it."""
    with errors():
        for card in load_cards().values():
            out.print(_facts(card))
            if card.evaluation:
                out.print(escape(_numbers(card.evaluation)))
            out.print()
        out.print(_LEGEND)


@models.command("pull", epilog="Example: redact models pull yunet")
def models_pull(
    names: Annotated[list[str], typer.Argument(help="Names from `redact models list`.", show_default=False)],
) -> None:
    """Fetch the weights of models that don't come with redact, and check their digests."""
    from redact.detect.pull import pull

    with errors():
        cards = [load_card(n) for n in names]
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=err,
            disable=not err.is_terminal,
            transient=True,
        ) as bar:
            tasks = {}

            def watch(name: str, done: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=total)
                bar.update(tasks[name], completed=done)

            files = [f for card in cards for f in pull(card, watch)]
        for file in files:
            out.print(f"[bold green]there[/] {escape(str(file))}")
