"""Sound that is kept: listened to before anything is rendered. Damage is told, or silent."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import Clip, write_clip

import redact
from redact.errors import SourceError, UsageError, WorkerError
from redact.findings import RedactionPlan
from redact.media.audio import Stretch
from redact.media.hearing import _levels, loudest
from redact.media.witness import ffmpeg_program
from redact.period import Period
from redact.policy import AudioPolicy
from redact.run.local import LocalRunner
from redact.scope import Scope
from redact.verdict import Check
from redact.verify import check_sound
from redact.video import begin, open_video, render_video, source_id, verify_video

BLACK = redact.policy_of("export-batch")
STRICT = redact.policy_of("public-release").model_copy(update={"audio": AudioPolicy(mode="keep")})
RATE, PACKET = 48000, 1024  # of the sound of generated clips, AAC


def _spoil(file: Path, *numbers: int) -> Path:
    """Fills packets of the sound with noise, as a bad sector does; the container stays whole."""
    with av.open(str(file)) as c:
        packets = [(p.pos, p.size) for p in c.demux(audio=0) if p.size]
    data = bytearray(file.read_bytes())
    random.seed(1)
    for pos, size in (packets[n] for n in numbers):
        data[pos : pos + size] = random.randbytes(size)
    file.write_bytes(data)
    return file


def _sound(file: Path) -> tuple[np.ndarray, float]:
    """All samples, and when the first is heard."""
    with av.open(str(file)) as c:
        frames = list(c.decode(audio=0))
    return np.concatenate([f.to_ndarray()[0] for f in frames]), float(frames[0].time or 0.0)


@pytest.mark.parametrize("first", [0, 40])
def test_damaged_sound_is_refused(first: int, runner: LocalRunner, tmp_path: Path) -> None:
    """Also where the picture is whole, and before anything is rendered; the source is to blame, not the release."""
    source = _spoil(write_clip(tmp_path / "in.mp4", Clip(audio=True)), first)
    with pytest.raises(SourceError, match=r"its sound cannot be decoded cleanly at -?\d+\.\d{3} s") as e:
        redact.run(source, tmp_path / "out.mp4", STRICT, runner=runner)
    at = float(str(e.value).split(" at ")[1].split()[0])
    assert at == pytest.approx((first - 1) * PACKET / RATE, abs=0.001)
    assert sorted(tmp_path.iterdir()) == [source]


def test_damaged_sound_is_silent_and_listed_where_damaged_frames_are_black(runner: LocalRunner, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", Clip(audio=True))
    source = tmp_path / "in.mp4"
    source.write_bytes(whole.read_bytes())
    _spoil(source, 0, 40, 41)
    outcome = redact.run(source, tmp_path / "out.mp4", BLACK, runner=runner)
    record = json.loads(outcome.record.read_text())
    assert outcome.silent_seconds == pytest.approx(5 * PACKET / RATE, abs=0.001)
    first, second = record["silenced"]
    # What follows a damaged packet is spoilt by it as well; the first packet lies ahead of the picture.
    assert (first["start_s"], first["end_s"]) == (-0.021, 0.021)
    assert (second["start_s"], second["end_s"]) == (0.832, 0.896)
    assert "refused it" in second["reason"]
    before, began = _sound(whole)
    after, begins = _sound(outcome.output)
    assert begins == pytest.approx(began, abs=0.001), "in time with the picture"

    def loud(samples: np.ndarray, start: float, end: float) -> float:
        return float(np.abs(samples[round(start * RATE) : round(end * RATE)]).max())

    edge = 0.03  # the encoder blurs what is silent by a packet
    assert loud(after, 0.832 + edge, 0.896 - 0.01) < 1e-3
    for start, end in ((0.1, 0.8), (0.95, 1.9)):
        assert loud(after, start, end) > 0.1
        same = slice(round(start * RATE), round(end * RATE))
        assert np.corrcoef(before[same], after[same])[0, 1] > 0.99, "all else is heard when it was"
    assert redact.verify(source, outcome.output, outcome.record, runner=runner).passed
    # Where the record says that sound is silent, it is listened for again.
    outcome.record.write_text(json.dumps(record | {"silenced": [second | {"start_s": 0.2, "end_s": 0.7}]}))
    verdict = redact.verify(source, outcome.output, outcome.record, runner=runner)
    assert [c.name for c in verdict.checks if not c.passed] == ["sound"]


def test_damage_outside_the_part_that_is_asked_for_does_not_matter(runner: LocalRunner, tmp_path: Path) -> None:
    source = _spoil(write_clip(tmp_path / "in.mp4", Clip(audio=True)), 5, 80)
    scope = Scope(Period(Fraction(1, 2), Fraction(3, 2)))
    outcome = redact.run(source, tmp_path / "out.mp4", STRICT, scope=scope, runner=runner)
    assert outcome.silent_seconds == 0


def test_sound_that_is_dropped_may_be_damaged(runner: LocalRunner, tmp_path: Path) -> None:
    source = _spoil(write_clip(tmp_path / "in.mp4", Clip(audio=True)), 0, 40)
    assert redact.run(source, tmp_path / "out.mp4", runner=runner).output.is_file()


@pytest.mark.parametrize(
    ("codec", "suffix", "remedy"),
    [
        ("flac", ".mov", "Name the output .mp4 or .mkv, or"),
        ("pcm_s16le", ".ts", "Name the output .mp4 or .mov or .mkv, or"),
        ("libopus", ".mov", "Name the output .mp4 or .mkv or .ts, or"),
        ("g726", ".mp4", "(g726). Use a recipe that drops the sound."),
    ],
)
def test_sound_that_the_output_cannot_hold(
    codec: str, suffix: str, remedy: str, runner: LocalRunner, tmp_path: Path
) -> None:
    """Told before anything is rendered, with the containers that can."""
    picture = write_clip(tmp_path / "picture.mp4", Clip(frames=25))
    source = tmp_path / "in.mkv"
    tone = ["-f", "lavfi", "-i", f"sine=440:r={8000 if codec == 'g726' else 48000}", "-shortest"]
    command = [ffmpeg_program(), "-v", "error", "-i", picture, *tone, "-c:v", "copy", "-c:a", codec, source]
    subprocess.run(command, check=True, timeout=60)
    picture.unlink()
    with pytest.raises(UsageError, match=rf"in\.mkv': a \{suffix} file cannot hold its sound \(\w+\)") as e:
        redact.run(source, tmp_path / f"out{suffix}", STRICT, runner=runner)
    assert remedy in str(e.value)
    assert sorted(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
def test_sound_and_picture_stay_in_time_in_every_container(suffix: str, runner: LocalRunner, tmp_path: Path) -> None:
    """The sound of an MP4 begins a packet ahead of the picture, which Matroska cannot say."""
    source = write_clip(tmp_path / "in.mp4", Clip(audio=True))
    outcome = redact.run(source, tmp_path / f"out{suffix}", BLACK, runner=runner)
    before, began = _sound(source)
    after, begins = _sound(outcome.output)
    with av.open(str(outcome.output)) as c:
        picture = float(next(c.decode(video=0)).time or 0.0)
    offset = round((begins - picture - began) * RATE)
    start, end = 2 * PACKET, 60 * PACKET
    assert np.abs(after[start:end] - before[start + offset : end + offset]).max() < 1e-3


# --- what was to be silent is listened to in the finished file ---


class _InThisProcess:
    workers = 1

    def map(self, function: Any, jobs: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        return (function(*job) for job in jobs)


def _mutes(*spans: tuple[float, float]) -> tuple[Period, ...]:
    return tuple(Period(Fraction(a).limit_denominator(100), Fraction(b).limit_denominator(100)) for a, b in spans)


def _judged(source: Path, release: Path, made: Scope, wanted: Scope, folder: Path) -> dict[str, Check]:
    """The checks of a release that was made for one scope, and was to be for another one."""
    video = open_video(source, STRICT)
    plan = RedactionPlan(source_id(video), STRICT.sha256, (), ())
    render_video(begin(video, STRICT, _InThisProcess(), folder, scope=made), plan, release)
    work = begin(video, STRICT, _InThisProcess(), folder, scope=wanted)
    return {c.name: c for c in verify_video(work, release, plan, folder).checks}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("period", [Period(), Period(Fraction(2, 5), Fraction(9, 5))], ids=["whole", "part"])
def test_a_mute_that_is_not_silent_is_found(suffix: str, period: Period, tmp_path: Path) -> None:
    """By ears of their own: all of it heard, some of it, and none."""
    source = write_clip(tmp_path / "in.mp4", Clip(audio=True))
    wanted = Scope(period, mutes=_mutes((0.5, 0.9), (1.2, 1.4)))
    for spans, silent in (
        (((0.5, 0.9), (1.2, 1.4)), True),
        (((0.4, 1.6),), True),
        (((0.5, 0.9),), False),
        (((0.6, 0.9), (1.2, 1.4)), False),
        (((0.5, 0.8), (1.2, 1.4)), False),
        ((), False),
    ):
        made = Scope(period, mutes=_mutes(*spans))
        check = _judged(source, tmp_path / f"out{suffix}", made, wanted, tmp_path)["sound"]
        assert check.passed is silent, (spans, check)
        if not silent:
            at = float(check.sentence.split()[1]) + float(period.start)
            assert 0.5 <= at <= 1.4, check


def test_sound_behind_the_part_is_found(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(audio=True, frames=75))
    longer = tmp_path / "longer.mp4"
    part = Scope(Period(Fraction(0), Fraction(1)))
    assert _judged(source, tmp_path / "out.mp4", part, part, tmp_path)["sound"].passed
    words = ["-i", tmp_path / "out.mp4", "-i", source, "-map", "0:v", "-map", "1:a", "-c", "copy", longer]
    subprocess.run([ffmpeg_program(), "-v", "error", *words], check=True)
    heard = loudest(longer, [Stretch(Fraction(1))], Fraction(0))
    assert not check_sound(heard.level, heard.seconds).passed
    assert 1 < heard.seconds < 3


def test_sound_that_is_kept_whole_is_not_listened_to(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(audio=True))
    assert "sound" not in _judged(source, tmp_path / "out.mp4", Scope(), Scope(), tmp_path)


@pytest.mark.parametrize("spoilt", [False, True], ids=["missing", "spoilt"])
def test_what_ffmpeg_cannot_hear_is_told(spoilt: bool, tmp_path: Path) -> None:
    """What is not decoded was not heard: it does not count as silent."""
    source = write_clip(tmp_path / "in.mp4", Clip(audio=True))
    with pytest.raises(WorkerError, match="cannot decode its sound"):
        list(_levels(_spoil(source, 40) if spoilt else source, 0 if spoilt else 7))
