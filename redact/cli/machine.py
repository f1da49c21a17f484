"""The commands about a machine and the tool on it: ``redact doctor`` and ``redact demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from redact import api
from redact.cli.application import app
from redact.cli.outcomes import line
from redact.cli.output import err, errors, out
from redact.display import ProgressDisplay
from redact.errors import UsageError
from redact.run.local import LocalRunner
from redact.staging import output_error
from redact.words import shown


@app.command(epilog="Example: redact doctor")
def doctor() -> None:
    """Say what this machine can do, what is missing and how to get it."""
    from redact.doctor import examine

    with errors():
        found = list(examine())
        wide = max(len(f.what) for f in found)
        for f in found:
            mark = "[green]ok     [/]" if f.ok else ("[bold red]missing[/]" if f.needed else "[yellow]none   [/]")
            # Lines, not a table: that would cut digests to the width of the terminal, or of what reads a pipe.
            out.print(f"{mark}  {f.what:<{wide}}  {escape(f.detail)}")
        if not all(f.ok or not f.needed for f in found):
            raise typer.Exit(1)


@app.command(epilog="Example: redact demo demo/")
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put the clip, the release and the pictures.")] = Path("demo"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite what an earlier demo left there.")] = False,
) -> None:
    """Make a short clip out of photographs, redact it and show before and after."""
    from redact.demo import make_clip, picture_pairs

    with errors():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not force and any(folder.iterdir()):
                raise UsageError(f"{str(folder)!r}: is not empty.", "Name a new folder, or overwrite with --force.")
        except OSError as e:
            raise output_error(folder, e) from None
        clip, release = folder / "street.mp4", folder / "street.redacted.mp4"
        make_clip(clip)
        out.print(f"made {escape(shown(clip))}: people, a plate, sound, a GPS tag and a thumbnail")
        with LocalRunner() as runner, ProgressDisplay(err) as display:
            outcome = api.run(clip, release, force=True, runner=runner, watch=display.show)
        out.print(line(outcome))
        for file in picture_pairs(clip, release, folder):
            out.print(f"look at {escape(shown(file))}")
