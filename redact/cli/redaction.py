"""The commands that redact, plan, render, verify and detect."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from redact import api
from redact.cli.application import app
from redact.cli.options import Force, HowClosely, Inputs, Recipe, Recursive, Workers
from redact.cli.outcomes import Told, line, with_earlier
from redact.cli.output import answers, err, errors, json_line, out, report
from redact.display import ProgressDisplay
from redact.errors import RedactError, UsageError
from redact.inputs import check_input, check_named, find_footage, outputs_for
from redact.mot import to_mot
from redact.plan_io import dump_plan
from redact.policy import Detail, Policy
from redact.run.local import LocalRunner
from redact.staging import check_new_file, publish_text
from redact.words import plural, shown


def _policy(recipe: str, detail: Detail | None) -> Policy:
    policy = api.policy_of(recipe)
    return policy if detail is None else policy.looking(detail)


@app.command(epilog="Example: redact run request.mp4 -o release.mp4")
def run(
    inputs: Inputs,
    output: Annotated[
        str, typer.Option("--output", "-o", help="A file, or a folder for several inputs.", show_default=False)
    ],
    recipe: Recipe = api.DEFAULT_RECIPE,
    detail: HowClosely = None,
    force: Force = False,
    recursive: Recursive = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per input on stdout.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going/--fail-fast", help="After a failure, go on with the other inputs.")
    ] = True,
    workers: Workers = 0,
) -> None:
    """Redact videos and images: find, obscure, verify, release."""
    with errors():
        policy = _policy(recipe, detail)
        check_named(*inputs, output)
        work = outputs_for([Path(i) for i in inputs], output, recursive)
        told = Told(as_json)
        for item, e in work.footage.wrong:
            told.refused(item, None, e)
        with LocalRunner(workers or None) as runner, ProgressDisplay(err) as display:
            for source, target in work.pairs:
                if told.worst is not None and not keep_going:
                    told.not_tried(source, target)
                    continue
                try:
                    outcome = api.run(source, target, policy, force=force, runner=runner, watch=display.show)
                except RedactError as e:
                    display.clear()
                    told.refused(source, target, with_earlier(e, target) if force else e)
                    continue
                finally:
                    display.clear()
                told.released(outcome)
        told.end(len(work.pairs) + len(work.footage.wrong), work.footage.left_out())
        if told.worst is not None:
            raise typer.Exit(told.worst.exit_code)


class PlanFormat(StrEnum):
    """What ``redact plan`` writes."""

    JSON = "json"
    MOT = "mot"


def _source(text: str) -> Path:
    """The path of one input. Raises UsageError for no name, SourceError for what cannot be read."""
    check_named(text)
    check_input(Path(text))
    return Path(text)


def _file(output: str) -> Path:
    """The path of one file. Raises UsageError for no name, and for what ends as folders do."""
    check_named(output)
    if output.endswith(os.sep):
        raise UsageError(f"{output!r}: is a folder.", "Name a file.")
    return Path(output)


@app.command(epilog="Example: redact plan request.mp4 -o plan.json")
def plan(
    source: Annotated[str, typer.Argument(help="A video or still image.", show_default=False)],
    output: Annotated[str, typer.Option("--output", "-o", help="Where to write the plan.", show_default=False)],
    recipe: Recipe = api.DEFAULT_RECIPE,
    detail: HowClosely = None,
    format: Annotated[
        PlanFormat, typer.Option("--format", help="json to correct and render; mot for other tools.")
    ] = PlanFormat.JSON,
    force: Force = False,
    workers: Workers = 0,
) -> None:
    """Find what would be obscured, without rendering anything."""
    with errors():
        footage = _source(source)
        file = _file(output)
        check_new_file(file, (footage, Path(recipe)), force)
        with LocalRunner(workers or None) as runner, ProgressDisplay(err) as display:
            made = api.plan(footage, _policy(recipe, detail), runner=runner, watch=display.show)
        publish_text(to_mot(made) if format is PlanFormat.MOT else dump_plan(made), file)
        out.print(f"{plural(len(made.tracks), 'track')} in {escape(shown(output))}")


@app.command(epilog="Example: redact render request.mp4 --plan plan.json -o release.mp4")
def render(
    source: Annotated[str, typer.Argument(help="What the plan was made for.", show_default=False)],
    plan: Annotated[Path, typer.Option("--plan", help="The plan, corrected or not.", show_default=False)],
    output: Annotated[str, typer.Option("--output", "-o", help="The release.", show_default=False)],
    recipe: Recipe = api.DEFAULT_RECIPE,
    force: Force = False,
    workers: Workers = 0,
) -> None:
    """Obscure what a plan says, verify and release."""
    with errors():
        footage = _source(source)
        file = _file(output)
        the_plan = api.load_plan(plan)
        try:
            with LocalRunner(workers or None) as runner, ProgressDisplay(err) as display:
                outcome = api.render(
                    footage,
                    the_plan,
                    file,
                    recipe,
                    force=force,
                    runner=runner,
                    watch=display.show,
                )
        except RedactError as e:
            raise (with_earlier(e, file) if force else e) from None
        out.print(line(outcome, by_plan=True))


@app.command(epilog="Example: redact verify request.mp4 release.mp4 --record release.mp4.record.json")
def verify(
    source: Annotated[Path, typer.Argument(help="The original.", show_default=False)],
    released: Annotated[Path, typer.Argument(help="The release.", show_default=False)],
    record: Annotated[Path, typer.Option("--record", help="The release's record.", show_default=False)],
    plan: Annotated[Path | None, typer.Option("--plan", help="The plan; else the one beside the release.")] = None,
    workers: Workers = 0,
) -> None:
    """Check a release again, from nothing but the files."""
    with errors():
        with LocalRunner(workers or None) as runner, ProgressDisplay(err) as display:
            verdict = api.verify(source, released, record, plan, runner=runner, watch=display.show)
        for c in verdict.checks:
            out.print(
                f"[{'green' if c.passed else 'bold red'}]{'passed' if c.passed else 'FAILED'}[/] {escape(c.sentence)}"
            )
        if not verdict.passed:
            raise typer.Exit(5)


@app.command(epilog="Example: redact detect street.jpg --json")
def detect(
    inputs: Inputs,
    recipe: Recipe = api.DEFAULT_RECIPE,
    detail: HowClosely = None,
    recursive: Recursive = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line per image or frame.")] = False,
    workers: Workers = 0,
) -> None:
    """Show raw detections, before tracking. Changes nothing."""
    with errors(), LocalRunner(workers or None) as runner:
        policy = _policy(recipe, detail)
        check_named(*inputs)
        footage = find_footage([Path(i) for i in inputs], recursive)
        wrong: list[RedactError] = [e for _, e in footage.wrong]
        for e in wrong:
            report(e)
        if footage.skipped:
            err.print(escape(footage.left_out()))
        for source, _ in footage.files:
            try:
                for f in api.detect(source, policy, runner=runner):
                    _show_frame(f, as_json)
                    if answers.lost:
                        return  # nothing else would come of it
            except RedactError as e:
                report(e)
                wrong.append(e)
        if wrong:
            raise typer.Exit(wrong[0].exit_code)


def _show_frame(f: api.FrameReport, as_json: bool) -> None:
    if as_json:
        row = {
            "file": str(f.file),
            "frame": f.frame,
            "pts": round(f.pts, 6),
            "width": f.width,
            "height": f.height,
            "detections": [
                {"kind": str(d.kind), "box": [round(v, 2) for v in d.box.edges], "score": round(d.score, 4)}
                for d in f.detections
            ],
        }
        json_line(row)
        return
    for d in f.detections:
        box = " ".join(f"{v:.0f}" for v in d.box.edges)
        out.print(f"{escape(shown(f.file))} frame {f.frame} {d.kind} {d.score:.2f} at {box}")
