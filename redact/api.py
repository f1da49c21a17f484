"""What the commands do, as functions: the Python interface of redact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from redact.detect import load_cards
from redact.errors import RecipeError
from redact.findings import Detection, RedactionPlan
from redact.inputs import check_input
from redact.media.images import check_same_kind, is_image, read_image
from redact.outcome import Outcome, Watcher, silent
from redact.pipeline import run_video
from redact.plan_io import dump_plan, parse_plan, plan_sha256, read_plan
from redact.policy import DamagePolicy, Policy, check_detectors, load_policy
from redact.resources import recipe_file
from redact.run.local import LocalRunner
from redact.scope import EVERYTHING, Scope
from redact.stages import detect_segment
from redact.staging import check_new_file, publish_text
from redact.stills import find_still, plan_still, run_still, verify_still
from redact.verdict import Check, Verdict
from redact.video import Runner, begin, look_through, open_video, plan_video, source_id, verify_video

DEFAULT_RECIPE = "public-release"
_LENIENT = DamagePolicy(on_damage="black")


def policy_of(recipe: str | Path | Policy) -> Policy:
    """The policy behind a recipe's name, file, or the policy itself.

    Raises RecipeError where it is wrong, or promises what its detectors cannot find.
    """
    finds = {name: card.finds for name, card in load_cards().items()}
    if not isinstance(recipe, Policy):
        return load_policy(recipe_file(str(recipe)), finds)
    check_detectors(recipe, finds, f"the recipe {recipe.name!r}")
    return recipe


def run(
    source: str | Path,
    output: str | Path,
    recipe: str | Path | Policy = DEFAULT_RECIPE,
    *,
    scope: Scope = EVERYTHING,
    force: bool = False,
    runner: Runner | None = None,
    watch: Watcher = silent,
) -> Outcome:
    """Redacts one video or still image into ``output``.

    ``scope``: which part of a video is released, what of it is always obscured, where sound is
    silent. ``runner``: where segments are worked on; processes of this machine where None. ``watch`` is
    called with the progress. Raises RedactError of some kind where nothing is released; see
    docs/exit-codes.md.
    """
    policy, source, output = policy_of(recipe), Path(source), Path(output)
    check_input(source)
    check_same_kind(source, output)
    if is_image(source):
        return run_still(source, output, policy, force=force)
    with LocalRunner() if runner is None else nullcontext(runner) as r:
        return run_video(source, output, policy, r, force=force, scope=scope, watch=watch)


def plan(
    source: str | Path,
    recipe: str | Path | Policy = DEFAULT_RECIPE,
    *,
    runner: Runner | None = None,
    watch: Watcher = silent,
) -> RedactionPlan:
    """Pass 1 alone: what would be obscured in a video or still image."""
    policy, source = policy_of(recipe), Path(source)
    check_input(source)
    if is_image(source):
        return plan_still(source, policy)
    video = open_video(source, policy)
    with LocalRunner() if runner is None else nullcontext(runner) as r, TemporaryDirectory(prefix="redact-") as folder:
        work = begin(video, policy, r, Path(folder), watch=watch)
        return plan_video(work, look_through(work))


def render(
    source: str | Path,
    plan: RedactionPlan,
    output: str | Path,
    recipe: str | Path | Policy = DEFAULT_RECIPE,
    *,
    force: bool = False,
    runner: Runner | None = None,
    watch: Watcher = silent,
) -> Outcome:
    """Pass 2 alone: renders, verifies and releases a video or image after a plan that a person may have corrected.

    Of a video the part that the plan is for, with its mutes. Raises UsageError where the plan was made
    for another source, or not all frames of that part were looked at.
    """
    policy, source, output = policy_of(recipe), Path(source), Path(output)
    check_input(source)
    check_same_kind(source, output)
    if is_image(source):
        return run_still(source, output, policy, force=force, plan=plan)
    with LocalRunner() if runner is None else nullcontext(runner) as r:
        return run_video(source, output, policy, r, force=force, plan=plan, watch=watch)


def load_plan(file: str | Path) -> RedactionPlan:
    """Reads a plan file. Raises RecipeError where it cannot be read or is wrong."""
    try:
        text = read_plan(Path(file))
    except OSError as e:
        raise RecipeError(f"{str(file)!r}: the plan cannot be read: {e.strerror}.", "Check the path.") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{str(file)!r}: the plan is not UTF-8 text.", "Save it as UTF-8.") from None
    return parse_plan(text, str(file))


def save_plan(plan: RedactionPlan, file: str | Path, *, force: bool = False) -> None:
    """Writes a plan file, to be corrected by hand and read by ``load_plan``.

    Raises UsageError where there is a file of that name, but for ``force``, or none can be written, and SpaceError
    on a full disk.
    """
    target = Path(file)
    check_new_file(target, (), force)
    publish_text(dump_plan(plan), target)


def verify(
    source: str | Path,
    released: str | Path,
    record: str | Path,
    plan: str | Path | None = None,
    *,
    runner: Runner | None = None,
    watch: Watcher = silent,
) -> Verdict:
    """Checks a release against its source and record again, from nothing but the files.

    ``plan``: the plan's file; the one beside the release or the record where None. Raises SourceError and
    RecipeError where a file cannot be read.
    """
    from redact.record import read_record

    source, released = Path(source), Path(released)
    check_input(source)
    check_input(released)
    known = read_record(Path(record))
    the_plan = load_plan(plan or _plan_of(released, Path(record)))
    lenient = known.policy.model_copy(update={"damage": _LENIENT})
    video = None if is_image(source) else open_video(source, lenient)
    digests = {
        "source": (video.sha256 if video else _digest(source)) == known.source_sha256,
        "release": _digest(released) == known.output_sha256,
        "plan": plan_sha256(the_plan) == known.plan_sha256,
    }
    wrong = [name for name, same in digests.items() if not same]
    many = "are not the ones" if len(wrong) > 1 else "is not the one"
    sentence = (
        f"The {' and the '.join(wrong)} {many} that the record describes."
        if wrong
        else "Source, release and plan are the ones that the record describes."
    )
    same = Check("digests", not wrong, sentence)
    if wrong:
        return Verdict((same,))
    if video is None:
        verdict = verify_still(source, released, the_plan, known.policy)
        return Verdict((same, *verdict.checks), verdict.leaks)
    with LocalRunner() if runner is None else nullcontext(runner) as r, TemporaryDirectory(prefix="redact-") as folder:
        work = begin(video, known.policy, r, Path(folder), scope=known.scope, watch=watch)
        work = replace(work, broken=known.silenced)
        verdict = verify_video(work, released, the_plan, Path(folder))
    return Verdict((same, *verdict.checks), verdict.leaks)


def _plan_of(released: Path, record: Path) -> Path:
    """The plan beside a release, or beside its record, which keep their names when the release is renamed."""
    from redact.staging import plan_beside, plan_path

    beside = plan_beside(released)
    others = plan_path(record.with_name(record.name.removesuffix(".record.json")))
    for file in (beside, others):
        if file.is_file():
            return file
    raise RecipeError(
        f"{str(beside)!r}: there is no plan beside the release, nor beside its record.",
        "Name it with `--plan`; whoever made the release has it beside it.",
    )


def _digest(file: Path) -> str:
    from redact.media.file import check_file, file_sha256

    check_file(file)
    return file_sha256(file)


@dataclass(frozen=True, slots=True)
class FrameReport:
    """Raw findings of one frame: ``width`` and ``height`` and the boxes in display pixels; ``pts`` in seconds."""

    file: Path
    frame: int
    pts: float
    width: int
    height: int
    detections: tuple[Detection, ...]


def detect(
    source: str | Path, recipe: str | Path | Policy = DEFAULT_RECIPE, *, runner: Runner | None = None
) -> Iterator[FrameReport]:
    """Raw detections of an image or of every examined frame of a video, before any tracking."""
    policy, path = policy_of(recipe), Path(source)
    check_input(path)
    if is_image(path):
        image = read_image(path)
        h, w = image.pixels.shape[:2]
        yield FrameReport(path, 0, 0.0, w, h, find_still(image.pixels, policy, policy.detect.size_px))
        return
    from redact.media.segments import plan_segments
    from redact.media.source import excerpt

    video = open_video(path, policy)
    identity = source_id(video)
    with LocalRunner() if runner is None else nullcontext(runner) as r:
        for frames in r.map(detect_segment, ((excerpt(video, s), policy) for s in plan_segments(video))):
            for f in frames:
                seconds = float(int(video.pts[f.index]) * video.format.time_base)
                yield FrameReport(path, f.index, seconds, identity.width, identity.height, f.detections)
