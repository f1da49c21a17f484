"""Writes what the documentation takes from the code: docs/cli.md and docs/schema/*.json.

    python docs/reference.py

Run it after a change of a command, an option, a recipe's keys, the plan or the record. A test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter

from redact.cli import app
from redact.plan_io import _Plan
from redact.policy import Policy
from redact.record import SCHEMA, DetectorId, FileId, Kept
from redact.verdict import Check

DOCS = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

HEAD = """\
# Commands

Made from the program by `python docs/reference.py`; do not edit by hand. `redact COMMAND --help` shows the same.
`python -m redact` does what `redact` does. All commands end with the codes of [exit-codes.md](exit-codes.md).
"""

TAIL = """\
## Version

`redact --version` prints it.

## Completion of commands in the shell

`redact --install-completion` makes the Tab key complete commands and options in bash, zsh, fish and PowerShell from
the next shell on. `redact --show-completion` prints the script instead.
"""


# --- commands -------------------------------------------------------------------------------------------------------


def commands() -> dict[str, Any]:
    """All commands by what is typed, such as "redact models list"."""
    found: dict[str, Any] = {}

    def collect(name: str, command: Any) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[name] = command
            return
        for n, c in inner.items():
            collect(f"{name} {n}", c)

    collect("redact", typer.main.get_command(app))
    return found


def parameters(command: Any) -> list[tuple[str, str, str]]:
    """(how it is written, what it means, default) of each argument and option."""
    rows = []
    for p in command.params:
        if getattr(p, "is_eager", False) and p.name == "help":
            continue
        option = p.opts[0].startswith("-")
        if option:
            names = ", ".join(f"`{o}`" for o in p.opts)
            names += "".join(f" / `{o}`" for o in p.secondary_opts)
        else:
            names = f"`{p.name.upper()}`" + ("..." if p.nargs == -1 else "")
        if p.required:
            default = "must be given"
        elif p.is_flag if option else False:
            on = p.opts[0] if p.default else (p.secondary_opts or [""])[0]
            default = f"`{on}`" if on else "off"
        else:
            shown = p.default
            default = "" if shown in (None, "") else f"`{getattr(shown, 'value', shown)}`"
        rows.append((names, " ".join((p.help or "").split()), default))
    return rows


def usage(name: str, command: Any) -> str:
    arguments = [p for p in command.params if not p.opts[0].startswith("-")]
    needed = [p for p in command.params if p.opts[0].startswith("-") and p.required]
    parts = [name]
    for p in arguments:
        text = p.name.upper() + ("..." if p.nargs == -1 else "")
        parts.append(text if p.required else f"[{text}]")
    parts += [f"{p.opts[0]} {p.name.upper()}" for p in needed]
    return " ".join([*parts, "[OPTIONS]"])


def cli_page() -> str:
    text = [HEAD]
    for name, command in sorted(commands().items()):
        text.append(f"## {name}\n\n{command.help.strip()}\n")
        example = (command.epilog or "").removeprefix("Example: ")
        text.append(f"    {usage(name, command)}\n")
        text.append(f"```sh\n{example}\n```\n")
        rows = parameters(command)
        if rows:
            text.append("| argument or option | what it does | default |\n|---|---|---|")
            text += [f"| {names} | {meaning} | {default} |" for names, meaning, default in rows]
            text.append("")
    return "\n".join([*text, TAIL])


# --- schemas --------------------------------------------------------------------------------------------------------


def recipe_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": "recipe.json",
        "title": "A recipe of redact (TOML); docs/recipes.md explains it",
        **_plain(TypeAdapter(Policy).json_schema(by_alias=True)),
    }


def plan_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": "plan.json",
        "title": "A plan of redact; docs/plan-format.md explains it",
        **_plain(TypeAdapter(_Plan).json_schema(by_alias=True)),
    }


def record_schema() -> dict[str, Any]:
    """The record is plain data; its parts come from the classes that it is made of."""
    source, output, kept = (_part(t) for t in (FileId, FileId, Kept))
    source["properties"] |= {k: {"type": "integer", "minimum": 1} for k in ("frames", "width", "height")}
    source["required"] += ["frames", "width", "height"]
    count = {"type": "integer", "minimum": 0}
    period = {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": ["string", "null"]}],
        "minItems": 2,
        "maxItems": 2,
    }
    zone = _object(
        kind={"type": "string"},
        name={"type": "string"},
        points={
            "type": "array",
            "items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
            "minItems": 3,
        },
        period=period,
    )
    record = _object(
        schema={"const": SCHEMA},
        verdict={"enum": ["released", "quarantined"]},
        source=source,
        output={"anyOf": [output, {"type": "null"}]},
        plan=_object(sha256=SHA256),
        recipe=_object(sha256=SHA256, values={"$ref": "recipe.json"}),
        detectors={"type": "array", "items": _part(DetectorId)},
        code=_object(sha256=SHA256, versions={"type": "object", "additionalProperties": {"type": "string"}}),
        found=_object(
            tracks={
                "type": "object",
                "properties": dict.fromkeys(("face", "plate", "zone"), count),
                "additionalProperties": False,
            },
            examined_frames={"type": "integer", "minimum": 0},
        ),
        obscured=_object(frames=count),
        black_frames={"type": "array", "items": _object(frame=count, reason={"type": "string"})},
        notes={"type": "array", "items": {"type": "string"}},
        silenced={
            "type": "array",
            "items": _object(start_s={"type": "number"}, end_s={"type": "number"}, reason={"type": "string"}),
        },
        streams=kept,
        verification=_object(
            passed={"type": "boolean"}, repairs=count, checks={"type": "array", "items": _part(Check)}
        ),
        scope=_object(
            period=period,
            zones={"type": "array", "items": zone},
            mute={"type": "array", "items": period},
        ),
        request={"type": "object"},
        times_s={"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
    )
    return {"$schema": DIALECT, "title": "A release record of redact; docs/record.md explains it", **record}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _part(kind: Any) -> dict[str, Any]:
    found = _plain(TypeAdapter(kind).json_schema())
    found["additionalProperties"] = False
    found["required"] = list(found["properties"])
    for name, value in found["properties"].items():
        value.pop("default", None)
        if name == "sha256":
            value |= SHA256
    return found


def _plain(schema: Any) -> Any:
    """Without the titles and docstrings that pydantic adds: they are written for programmers."""
    if isinstance(schema, list):
        return [_plain(v) for v in schema]
    if not isinstance(schema, dict):
        return schema
    texts = {k for k in ("title", "description") if isinstance(schema.get(k), str)}
    return {k: _plain(v) for k, v in schema.items() if k not in texts}


def files() -> dict[Path, str]:
    """What is written, by path."""
    out = {DOCS / "cli.md": cli_page()}
    for name, make in (("recipe", recipe_schema), ("plan", plan_schema), ("record", record_schema)):
        text = json.dumps(make(), indent=1, ensure_ascii=False)
        # Classes of the program that begin with "_" need not be called so here.
        text = text.replace('"_', '"').replace("/$defs/_", "/$defs/")
        out[DOCS / "schema" / f"{name}.json"] = text + "\n"
    return out


if __name__ == "__main__":
    for file, content in files().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
