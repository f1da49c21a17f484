"""The commands. Thin: reads what was typed, calls the functions of ``redact.api``, prints, and sets the exit code."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from redact import api, cli_models
from redact.batch.results import Fate
from redact.cli_batch import register
from redact.cli_bench import register as register_bench
from redact.cli_output import Answers, console
from redact.display import ProgressDisplay
from redact.errors import Interrupted, RedactError, UsageError, VerificationError
from redact.inputs import check_input, check_named, find_footage, is_release, outputs_for
from redact.outcome import Outcome
from redact.plan_io import dump_plan, to_mot
from redact.policy import Detail, Policy
from redact.run.local import LocalRunner
from redact.staging import check_new_file, output_error, publish, workspace
from redact.words import plural, shown

app = typer.Typer(
    name="redact",
    help="Releases video without exposing the people in it: finds faces and license plates, obscures them, checks the "
    "result and keeps a record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
models = typer.Typer(help="The detectors' models.", no_args_is_help=True)
app.add_typer(models, name="models")


def _tell_version(wanted: bool) -> None:
    if wanted:
        with _errors():
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


answers = Answers("stdout")
out = console(answers)
err = console(Answers("stderr"))

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


def _report(e: RedactError) -> None:
    err.print(f"[bold red]redact:[/] {escape(e.message)}" + (f" {escape(e.remedy)}" if e.remedy else ""))


@contextmanager
def _errors() -> Iterator[None]:
    """Turns errors into one sentence and their exit code; that an answer could not be written is one, if the only."""
    code = 0
    try:
        yield
    except RedactError as e:
        _report(e)
        code = e.exit_code
    except KeyboardInterrupt:
        _report(Interrupted("Stopped: what was not finished is not released, and nothing half-made is left."))
        code = Interrupted.exit_code
    except typer.Exit as e:
        code = e.exit_code
    if answers.error is not None:
        _report(answers.error)
        code = code or answers.error.exit_code
    if code:
        raise typer.Exit(code)


def _policy(recipe: str, detail: Detail | None) -> Policy:
    policy = api.policy_of(recipe)
    return policy if detail is None else policy.looking(detail)


def _json_line(value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")


def _as_json(o: Outcome) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(o).items()} | {"verdict": "released"}


def _line(o: Outcome, *, by_plan: bool = False) -> str:
    """One release; ``by_plan``: rendered by a plan, which says what is black, be it damaged or not."""
    found = ", ".join(plural(n, k) for k, n in o.tracks.items() if n) or "nothing"
    black = f"{plural(o.black_frames, 'frame')} black by the plan" if by_plan else ""
    black = black or f"{plural(o.black_frames, 'damaged frame')} black"
    return (
        f"[bold green]released[/] {escape(shown(o.output))}: {found} obscured in {o.obscured_frames} of "
        f"{plural(o.frames, 'frame')}"
        + (f", {black}" if o.black_frames else "")
        + (f", {o.silent_seconds:g} s of damaged sound silent" if o.silent_seconds else "")
        + f"; record {escape(shown(o.record))}"
        + "".join(f"\n  [yellow]note:[/] {escape(n)}" for n in o.notes)
    )


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
    with _errors():
        policy = _policy(recipe, detail)
        check_named(*inputs, output)
        work = outputs_for([Path(i) for i in inputs], output, recursive)
        told = _Told(as_json)
        for item, e in work.footage.wrong:
            told.refused(item, None, e)
        with LocalRunner(workers or None) as runner, ProgressDisplay(err) as display:
            for source, target in work.pairs:
                if told.worst is not None and not keep_going:
                    break
                try:
                    outcome = api.run(source, target, policy, force=force, runner=runner, watch=display.show)
                except RedactError as e:
                    display.clear()
                    told.refused(source, target, _with_earlier(e, target) if force else e)
                    continue
                finally:
                    display.clear()
                told.released(outcome)
        told.end(len(work.pairs) + len(work.footage.wrong), work.footage.left_out())
        if told.worst is not None:
            raise typer.Exit(told.worst.exit_code)


def _with_earlier(e: RedactError, output: Path) -> RedactError:
    """Why nothing was released, and that an earlier release, which was to be replaced, still has its name."""
    if not is_release(output):
        return e
    return type(e)(e.message, f"{e.remedy} What lies at {str(output)!r} is an earlier release.".strip())


class _Told:
    """Says what became of each input, and in the end of all."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[Fate] = Counter()
        self.worst: RedactError | None = None
        """The first error."""

    def released(self, outcome: Outcome) -> None:
        """A release that is there."""
        self._counts[Fate.RELEASED] += 1
        if self._as_json:
            _json_line(_as_json(outcome))
        else:
            out.print(_line(outcome))

    def refused(self, source: Path, target: Path | None, e: RedactError) -> None:
        """An input of which nothing is released; ``target`` None where it would get no name."""
        self._counts[Fate.QUARANTINED if isinstance(e, VerificationError) else Fate.REFUSED] += 1
        self.worst = self.worst or e
        if self._as_json:
            failure = {"source": str(source), "output": str(target or ""), "verdict": "refused"}
            _json_line(failure | {"error": str(e), "exit_code": e.exit_code})
        _report(e)

    def end(self, inputs: int, left_out: str) -> None:
        """Counts, for several ``inputs``, and names what of their folders was skipped."""
        to = err if self._as_json else out
        if inputs > 1:
            left = inputs - self._counts.total()
            counts = ", ".join(f"{self._counts[f]} {f}" for f in Fate if self._counts[f])
            to.print(f"{plural(inputs, 'input')}: {counts}" + (f", {left} not tried" if left else ""))
        if left_out:
            to.print(escape(left_out))


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


def _write_text(output: Path, text: str) -> None:
    with workspace(output) as folder:
        try:
            (folder / "text").write_text(text, encoding="utf-8")
        except OSError as e:
            raise output_error(output, e) from None
        publish(folder / "text", output)


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
    with _errors():
        footage = _source(source)
        file = _file(output)
        check_new_file(file, (footage, Path(recipe)), force)
        with LocalRunner(workers or None) as runner, ProgressDisplay(err) as display:
            made = api.plan(footage, _policy(recipe, detail), runner=runner, watch=display.show)
        _write_text(file, to_mot(made) if format is PlanFormat.MOT else dump_plan(made))
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
    with _errors():
        footage = _source(source)
        file = _file(output)
        the_plan = api.load_plan(plan)
        try:
            with LocalRunner(workers or None) as runner, ProgressDisplay(err) as display:
                outcome = api.render(footage, the_plan, file, recipe, force=force, runner=runner, watch=display.show)
        except RedactError as e:
            raise (_with_earlier(e, file) if force else e) from None
        out.print(_line(outcome, by_plan=True))


@app.command(epilog="Example: redact verify request.mp4 release.mp4 --record release.mp4.record.json")
def verify(
    source: Annotated[Path, typer.Argument(help="The original.", show_default=False)],
    released: Annotated[Path, typer.Argument(help="The release.", show_default=False)],
    record: Annotated[Path, typer.Option("--record", help="The release's record.", show_default=False)],
    plan: Annotated[Path | None, typer.Option("--plan", help="The plan; else the one beside the release.")] = None,
    workers: Workers = 0,
) -> None:
    """Check a release again, from nothing but the files."""
    with _errors():
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
    with _errors(), LocalRunner(workers or None) as runner:
        policy = _policy(recipe, detail)
        check_named(*inputs)
        footage = find_footage([Path(i) for i in inputs], recursive)
        wrong: list[RedactError] = [e for _, e in footage.wrong]
        for e in wrong:
            _report(e)
        if footage.skipped:
            err.print(escape(footage.left_out()))
        for source, _ in footage.files:
            try:
                for f in api.detect(source, policy, runner=runner):
                    _show_frame(f, as_json)
                    if answers.lost:
                        return  # nothing else would come of it
            except RedactError as e:
                _report(e)
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
        _json_line(row)
        return
    for d in f.detections:
        box = " ".join(f"{v:.0f}" for v in d.box.edges)
        out.print(f"{escape(shown(f.file))} frame {f.frame} {d.kind} {d.score:.2f} at {box}")


@app.command(epilog="Example: redact doctor")
def doctor() -> None:
    """Say what this machine can do, what is missing and how to get it."""
    from redact.doctor import examine

    with _errors():
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

    with _errors():
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
        out.print(_line(outcome))
        for file in picture_pairs(clip, release, folder):
            out.print(f"look at {escape(shown(file))}")


register(app, _errors, out, err)
register_bench(app, _errors, out)
cli_models.register(models, _errors, out, err)
