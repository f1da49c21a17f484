"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from redact.policy import Detail

# As text: a Path does not tell an empty name, which is an error, from the current folder.
Inputs = Annotated[list[str], typer.Argument(help="Videos, still images or folders.", show_default=False)]
Recipe = Annotated[str, typer.Option("--recipe", "-r", help="Name of a recipe or path of a TOML file.")]
HowClosely = Annotated[
    Detail | None,
    typer.Option(help="Look less closely and faster, or more closely and slower, than the recipe.", show_default=False),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the output and what lies beside it. Never an input.")]
Recursive = Annotated[bool, typer.Option("--recursive", help="Look into subfolders of input folders.")]
Workers = Annotated[
    int, typer.Option("--workers", "-w", min=0, help="Processes to use; 0 for one a core.", show_default=False)
]
