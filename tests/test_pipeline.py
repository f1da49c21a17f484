"""The main job on real parts: what is released, what is not, and that it is the same each time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from clips import Clip, write_clip

import redact
from redact.errors import RecipeError, SourceError, UsageError, VerificationError
from redact.findings import KeyBox, Kind, RedactionPlan, Track
from redact.geometry import Box
from redact.media.inspect import inspect
from redact.media.segments import plan_segments
from redact.media.witness import Witness
from redact.pictures import PictureSums, join
from redact.plan_io import dump_plan, parse_plan
from redact.run.local import LocalRunner
from redact.timeline import Span
from redact.verdict import Verdict
from redact.video import begin, open_video, render_video, source_id, verify_video


@pytest.fixture(scope="module")
def release(demo_clip: Path, runner: LocalRunner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release") / "street.mp4"
    redact.run(demo_clip, out, runner=runner)
    return out


def test_nothing_rides_along(demo_clip: Path, release: Path) -> None:
    before = inspect(demo_clip)
    assert any("location" in t for t in before.tags), "the source must carry a location for this test to mean anything"
    assert len(before.streams) == 3
    after = inspect(release)
    assert after.streams == ("video:h264",)
    assert not any("location" in t for t in after.tags)
    assert 6 not in after.nal_types
    assert b"+29.5630" not in release.read_bytes()


def test_record_says_what_was_done(demo_clip: Path, release: Path) -> None:
    record = json.loads(Path(f"{release}.record.json").read_text())
    assert record["verdict"] == "released"
    assert record["found"]["tracks"]["face"] >= 2
    assert record["streams"]["streams_dropped"] == ["1:audio:aac", "2:picture:mjpeg"]
    assert "location" in record["streams"]["metadata_dropped"]
    assert all(c["passed"] for c in record["verification"]["checks"])
    assert record["code"]["versions"]["ffmpeg program"].startswith("ffmpeg version")
    assert {"pillow", "libavcodec"} < record["code"]["versions"].keys()
    assert "+29.5630" not in json.dumps(record)


def test_verify_command_agrees(demo_clip: Path, release: Path) -> None:
    assert redact.verify(demo_clip, release, f"{release}.record.json").passed


def test_a_release_that_was_renamed_is_verified_by_what_lies_beside_its_record(
    demo_clip: Path, release: Path, tmp_path: Path
) -> None:
    renamed = tmp_path / "theirs.mp4"
    renamed.write_bytes(release.read_bytes())
    assert redact.verify(demo_clip, renamed, f"{release}.record.json").passed
    alone = tmp_path / "record.json"
    alone.write_bytes(Path(f"{release}.record.json").read_bytes())
    with pytest.raises(RecipeError, match="no plan beside the release, nor beside its record") as e:
        redact.verify(demo_clip, renamed, alone)
    assert "--plan" in e.value.remedy


def test_verify_notices_another_file(demo_clip: Path, release: Path, tmp_path: Path) -> None:
    changed = tmp_path / "street.mp4"
    changed.write_bytes(release.read_bytes() + b"x")
    Path(f"{changed}.plan.json").write_text(Path(f"{release}.plan.json").read_text())
    verdict = redact.verify(demo_clip, changed, f"{release}.record.json")
    assert not verdict.passed
    assert "release" in verdict.reason


def test_same_in_same_out(demo_clip: Path, release: Path, tmp_path: Path) -> None:
    """One worker gives the plan and the bytes that two gave, and so does rendering the saved plan."""
    again = tmp_path / "again.mp4"
    with LocalRunner(1) as one:
        redact.run(demo_clip, again, runner=one)
        assert again.read_bytes() == release.read_bytes()
        assert Path(f"{again}.plan.json").read_text() == Path(f"{release}.plan.json").read_text()
        rendered = tmp_path / "rendered.mp4"
        redact.render(demo_clip, redact.load_plan(f"{release}.plan.json"), rendered, runner=one)
        assert rendered.read_bytes() == release.read_bytes()


def _empty_plan(clip: Path, runner: LocalRunner) -> RedactionPlan:
    made = redact.plan(clip, runner=runner)
    return RedactionPlan(made.source, made.recipe_sha256, made.detectors, (), (), made.examined)


def test_an_uncovered_face_is_not_released(demo_clip: Path, runner: LocalRunner, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(VerificationError, match="clear face"):
        redact.render(demo_clip, _empty_plan(demo_clip, runner), out, runner=runner)
    assert not out.exists()
    kept = tmp_path / "out.mp4.quarantine"
    assert (kept / "unreleased.mp4").is_file()
    assert json.loads((kept / "report.json").read_text())["leaks"]
    assert list(kept.glob("frame-*.png"))
    assert sorted(tmp_path.iterdir()) == [kept]


def test_a_plan_that_flashes_is_not_released(demo_clip: Path, runner: LocalRunner, tmp_path: Path) -> None:
    """Faces covered in every fifteenth frame only: all detectors look there in pass 1, the second look beside it."""
    plan = redact.plan(demo_clip, runner=runner)
    keys = [
        KeyBox(i, box) for t in plan.tracks for i in range(0, plan.source.frames, 15) if (box := t.at(i)) is not None
    ]
    flashing = replace(plan, tracks=tuple(Track(n, Kind.FACE, (k,)) for n, k in enumerate(keys, 1)))
    with pytest.raises(VerificationError, match="clear face"):
        redact.render(demo_clip, flashing, tmp_path / "out.mp4", runner=runner)


def test_plan_of_another_source_is_refused(
    demo_clip: Path, plain_clip: Path, runner: LocalRunner, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="made for another file"):
        redact.render(plain_clip, _empty_plan(demo_clip, runner), tmp_path / "out.mp4", runner=runner)
    assert not list(tmp_path.iterdir())


def test_a_corrected_plan_is_rendered(plain_clip: Path, runner: LocalRunner, tmp_path: Path) -> None:
    """A region that a person adds is obscured, and pixels elsewhere are not."""
    import av
    import numpy as np

    plan = _empty_plan(plain_clip, runner)
    box = Box(100, 10, 200, 50)  # the bright square passes through it in frames 25 to 45
    track = Track(1, Kind.PLATE, (KeyBox(10, box), KeyBox(39, box)))
    plan = RedactionPlan(plan.source, plan.recipe_sha256, plan.detectors, (track,), (), plan.examined)
    out = tmp_path / "out.mp4"
    redact.render(plain_clip, plan, out, runner=runner)
    with av.open(str(plain_clip)) as a, av.open(str(out)) as b:
        for n, (x, y) in enumerate(zip(a.decode(video=0), b.decode(video=0), strict=True)):
            before, after = (f.to_ndarray(format="gray").astype(np.int16) for f in (x, y))
            square = np.abs(before - after)[22:38, 4 * n + 2 : 4 * n + 18]
            if 26 <= n <= 39:
                assert square.mean() > 40, n
            elif n < 20 or n >= 40:  # in between the square touches the region's rim
                assert square.mean() < 5, n
            assert np.abs(before - after)[60:, :].mean() < 3


def test_a_frame_that_looks_different_when_it_is_rendered(
    plain_clip: Path, runner: LocalRunner, tmp_path: Path
) -> None:
    """As if its decoding had left other memory in it: nobody examined what would be shown."""
    plan = redact.plan(plain_clip, runner=runner)
    assert plan.pictures is not None
    assert plan.pictures.span.stop == plan.source.frames
    assert parse_plan(dump_plan(plan), "plan.json").pictures == plan.pictures
    sums = [plan.pictures.at(i) or 0 for i in range(plan.source.frames)]
    sums[31] ^= 1
    other = replace(plan, pictures=PictureSums.of(0, sums))
    with pytest.raises(SourceError, match=r"frame 31 \(.*looks different each time it is decoded"):
        redact.render(plain_clip, other, tmp_path / "out.mp4", runner=runner)
    assert not list(tmp_path.iterdir())
    redact.render(plain_clip, replace(other, black=(31,)), tmp_path / "out.mp4", runner=runner)


def test_pictures_of_inexact_codecs_are_not_compared(tmp_path: Path, runner: LocalRunner) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(codec="mpeg4", frames=8))
    assert redact.plan(source, runner=runner).pictures is None


def test_checksums_of_pictures_by_frame() -> None:
    sums = PictureSums.of(5, [11, 12, 13])
    assert [sums.at(i) for i in range(4, 9)] == [None, 11, 12, 13, None]
    assert sums.within(Span(6, 99)) == PictureSums.of(6, [12, 13])
    assert sums.within(Span(0, 4)).span == Span(5, 5)
    assert join([sums, PictureSums.of(8, [14])]) == PictureSums.of(5, [11, 12, 13, 14])
    assert join([]) is None
    with pytest.raises(ValueError, match="one part begins where the other ends"):
        join([sums, PictureSums.of(9, [14])])


@pytest.mark.parametrize("pattern", ["01*", "04*", "14*"])
def test_shared_clips_are_released(shared_clips: Path, runner: LocalRunner, tmp_path: Path, pattern: str) -> None:
    clip = next(shared_clips.glob(f"{pattern}.mp4"))
    out = tmp_path / "out.mp4"
    redact.run(clip, out, runner=runner)
    assert out.is_file()


class _InThisProcess:
    """A runner that does the work itself."""

    def map(self, function: Any, jobs: Any) -> Any:
        return (function(*job) for job in jobs)


def test_only_what_a_repair_changes_is_verified_again(
    plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretches whose coded bytes and regions are those that were judged already are not decoded again."""
    decoded: list[int] = []
    real = Witness.pictures

    def counted(self: Witness) -> Any:
        for picture in real(self):
            decoded.append(picture.number)
            yield picture

    monkeypatch.setattr(Witness, "pictures", counted)
    policy = redact.policy_of("public-release")
    source = open_video(plain_clip, policy)
    work = begin(source, policy, _InThisProcess(), tmp_path)
    assert len(plan_segments(source)) > 1
    empty = RedactionPlan(source_id(source), policy.sha256, (), ())
    release = tmp_path / "release.mp4"

    def judge(plan: RedactionPlan) -> tuple[Verdict, int]:
        decoded.clear()
        verdict = verify_video(work, release, plan, tmp_path)
        return verdict, len(decoded)

    render_video(work, empty, release)
    first, frames = judge(empty)
    assert (first.passed, frames) == (True, 50)
    assert judge(empty) == (first, 0)

    # A region in the first segment: that one is rendered and judged again, and no other.
    box = Box(100, 10, 200, 50)
    repaired = replace(empty, tracks=(Track(1, Kind.PLATE, (KeyBox(1, box), KeyBox(5, box))),))
    render_video(work, repaired, release)
    second, frames = judge(repaired)
    assert second.passed
    assert frames == len(plan_segments(source)[0].span)

    # Other regions over the same bytes: nobody judged that.
    other = replace(empty, tracks=(Track(1, Kind.PLATE, (KeyBox(1, box), KeyBox(6, box))),))
    assert judge(other)[1] == len(plan_segments(source)[0].span)

    # Damage to the last packet: that stretch is judged again.
    data = bytearray(release.read_bytes())
    with av.open(str(release)) as c:
        pos, size = [(p.pos, p.size) for p in c.demux(video=0) if p.pos is not None][-1]
    data[pos + size // 2 : pos + size] = bytes(size - size // 2)
    release.write_bytes(data)
    assert judge(repaired)[1] == len(plan_segments(source)[-1].span)
