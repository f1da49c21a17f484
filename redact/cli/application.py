"""The application that the commands are added to, and its groups."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from redact.cli.output import answers, errors

app = typer.Typer(
    name="redact",
    help="Releases video without exposing the people in it: finds faces and license plates, obscures them, checks the "
    "result and keeps a record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
models = typer.Typer(help="The detectors' models.", no_args_is_help=True)
app.add_typer(models, name="models")
bench = typer.Typer(help="What a machine or a cluster can do.", no_args_is_help=True)
app.add_typer(bench, name="bench")


def _tell_version(wanted: bool) -> None:
    if wanted:
        with errors():
            answers.write(f"redact {metadata.version('redact')}\n")
        raise typer.Exit


@app.callback()
def _all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    # A docstring would replace the help of the application.
    del version


@bench.callback()
def _all_of_bench() -> None:
    """What a machine or a cluster can do."""
