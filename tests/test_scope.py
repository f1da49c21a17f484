"""Parts of a video, cut to the frame; sound that is cut and muted with it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, write_clip
from looks import same_outside

import redact
from redact.errors import UsageError
from redact.findings import Detection, Kind, Region
from redact.geometry import Box, Polygon
from redact.period import Period
from redact.policy import AudioPolicy
from redact.run.local import LocalRunner
from redact.scope import EVERYTHING, Scope, parse_scope, scope_contents
from redact.verify import uncovered
from redact.zones import Zone, parse_points

LOUD = redact.policy_of("public-release").model_copy(update={"audio": AudioPolicy(mode="keep")})
_VARIABLE = tuple(int(1000 + 40 * i + 15 * (i % 3) + (400 if i > 30 else 0)) for i in range(50))


def _frames(file: Path) -> list[tuple[Fraction, np.ndarray]]:
    with av.open(str(file)) as c:
        return [(f.pts * f.time_base, f.to_ndarray(format="gray").astype(int)) for f in c.decode(video=0)]


def _sound(file: Path) -> tuple[Fraction, np.ndarray, int]:
    """When it begins, the samples of the first channel, and their rate."""
    with av.open(str(file)) as c:
        frames = list(c.decode(audio=0))
    return frames[0].pts * frames[0].time_base, np.concatenate([f.to_ndarray()[0] for f in frames]), frames[0].rate


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.ts"])
@pytest.mark.parametrize("times", [None, _VARIABLE], ids=["constant", "variable"])
def test_part_is_cut_to_the_frame(
    name: str, times: tuple[int, ...] | None, runner: LocalRunner, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / name, Clip(times=times))
    before = _frames(source)
    begin = before[0][0]
    scope = Scope(Period(Fraction("0.5"), Fraction("1.3")))
    wanted = [(t, p) for t, p in before if Fraction("0.5") <= t - begin < Fraction("1.3")]
    outcome = redact.run(source, tmp_path / f"out{source.suffix}", scope=scope, runner=runner)
    after = _frames(outcome.output)
    assert outcome.frames == len(after) == len(wanted) > 10
    first = next(n for n, (t, _) in enumerate(before) if t == wanted[0][0])
    for n, ((t, p), (u, q)) in enumerate(zip(wanted, after, strict=True), first):
        assert abs((t - wanted[0][0]) - (u - after[0][0])) <= Fraction(1, 2000)
        assert same_outside(outcome.output, n, p, q), t
    assert redact.verify(source, outcome.output, outcome.record, runner=runner).passed


def test_part_that_the_video_does_not_have(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip())
    with pytest.raises(UsageError, match=r"shows no frame in 0:00:05-; it lasts 2\.000 s"):
        redact.run(source, tmp_path / "out.mp4", scope=Scope(Period(Fraction(5))))
    assert sorted(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_is_cut_and_muted_with_the_picture(suffix: str, runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(audio=True, frames=75))
    _, before, rate = _sound(source)
    mute = Period(Fraction("1.2"), Fraction("1.6"))
    scope = Scope(Period(Fraction(1), Fraction(2)), (), (mute,))
    outcome = redact.run(source, tmp_path / f"out{suffix}", LOUD, scope=scope, runner=runner)
    begins, after, same_rate = _sound(outcome.output)
    assert same_rate == rate
    offset = round(begins * rate)
    at = lambda t: round(Fraction(t) * rate) - offset  # noqa: E731 - sample of the release at a time of it
    assert abs(len(after) - (rate - offset)) <= 2048, "a second of sound, but for what the encoder pads"
    edge = rate // 50
    assert np.abs(after[at("0.2") + edge : at("0.6") - edge]).max() < 1e-3, "muted"
    assert np.abs(after[at("0.05") : at("0.2") - edge]).max() > 0.05, "heard before the mute"
    assert np.abs(after[at("0.6") + edge : at("0.95")]).max() > 0.05, "heard after the mute"
    # In step: the release at 0.05..0.15 s is the source at 1.05..1.15 s.
    a = before[round(1.05 * rate) : round(1.15 * rate)]
    shifts = range(-400, 401, 8)
    fits = [float(np.dot(a, after[at("0.05") + s : at("0.05") + s + len(a)])) for s in shifts]
    period = 2 * np.pi  # a tone repeats: any shift by whole periods fits as well
    assert fits[len(fits) // 2] > 0.9 * max(fits), period


def test_mutes_alone_leave_the_rest_of_the_sound_in_place(runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(audio=True))
    scope = Scope(mutes=(Period(Fraction("0.5"), Fraction("1.0")),))
    outcome = redact.run(source, tmp_path / "out.mp4", LOUD, scope=scope, runner=runner)
    assert outcome.frames == 50
    begins, after, rate = _sound(outcome.output)
    at = lambda t: round((Fraction(t) - begins) * rate)  # noqa: E731
    assert np.abs(after[at("0.53") : at("0.97")]).max() < 1e-3
    assert np.abs(after[at("0.2") : at("0.45")]).max() > 0.05
    assert np.abs(after[at("1.05") : at("1.8")]).max() > 0.05


def _grain(clip: Clip, i: int) -> np.ndarray:
    """The same noise in every frame: detail everywhere that coding keeps."""
    return np.random.default_rng(7).integers(0, 256, (clip.height, clip.width, 3), np.uint8)


@pytest.mark.parametrize("rotation", [0, 90])
def test_zone_is_obscured_within_its_corners_and_its_time(rotation: int, runner: LocalRunner, tmp_path: Path) -> None:
    fine = LOUD.model_copy(update={"encode": LOUD.encode.model_copy(update={"crf": 10})})
    source = write_clip(tmp_path / "in.mp4", Clip(rotation=rotation, options=(("crf", "8"),)), _grain)
    # An L: the corner that is missing from its box must stay clear.
    corner = "20,20 120,20 120,60 60,60 60,120 20,120"
    zone = Zone("screen", parse_points(corner), period=Period(Fraction("0.4"), Fraction("1.2")))
    outcome = redact.run(source, tmp_path / "out.mp4", fine, scope=Scope(zones=(zone,)), runner=runner)
    assert outcome.tracks["zone"] == 1
    turn = rotation // 90
    pairs = zip(_frames(source), _frames(outcome.output), strict=True)
    for i, ((t, before), (_, after)) in enumerate(pairs):
        a, b = np.rot90(before, -turn), np.rot90(after, -turn)
        change = np.abs(a - b)
        clear = [change[70:115, 70:115], change[130:, :], change[:, 130:]]
        assert max(float(c.mean()) for c in clear) < 4, i
        covered = [change[24:56, 24:116], change[24:116, 24:56]]
        if Fraction("0.4") <= t < Fraction("1.2"):
            assert min(float(c.mean()) for c in covered) > 30, i
            assert np.abs(np.diff(b[24:56, 24:116], axis=1)).mean() < 6, i
        else:
            assert max(float(c.mean()) for c in covered) < 4, i
    plan = redact.load_plan(f"{outcome.output}.plan.json")
    again = redact.render(source, plan, tmp_path / "again.mp4", fine, runner=runner)
    assert again.output.read_bytes() == outcome.output.read_bytes()


def test_a_face_in_the_notch_of_a_zone_counts_as_clear() -> None:
    outline = Polygon(((0, 0), (100, 0), (100, 40), (40, 40), (40, 100), (0, 100)))
    region = Region(1, Kind.ZONE, outline.box, outline)
    notch, inside = (Detection(Kind.FACE, Box(*b), 0.9) for b in ((60, 60, 90, 90), (5, 5, 35, 35)))
    assert uncovered([notch, inside], [region], 0.5) == [notch]


def test_zone_outside_the_picture(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip())
    zone = Zone("screen", parse_points("10,10 500,10 500,200"))
    with pytest.raises(UsageError, match="outside the picture of 320x240"):
        redact.run(source, tmp_path / "out.mp4", scope=Scope(zones=(zone,)))


def test_scope_as_data_reads_back() -> None:
    zone = Zone("screen", parse_points("0.1,0.2 0.5,0.2 0.5,0.6"), "till", Period(Fraction(1, 3)))
    scope = Scope(Period(Fraction(1), Fraction(2)), (zone,), (Period(Fraction("1.5"), Fraction(7, 4)),))
    assert parse_scope(scope_contents(scope)) == scope
    assert parse_scope(scope_contents(EVERYTHING)) == EVERYTHING
