"""Still pictures: what a release carries, and what is told of what was left behind."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import redact
from redact import stills
from redact.cli import app
from redact.errors import UsageError, VerificationError
from redact.findings import KeyBox, Kind, Track
from redact.geometry import Box
from redact.media.extras import extras
from redact.media.images import READABLE, read_image, write_image
from redact.plan_io import dump_plan

# A place and a camera, as a telephone writes them.
_EXIF = Image.Exif()
_EXIF[0x010F] = "a camera"
_EXIF[0x8825] = {1: "N", 2: (29.0, 33.0, 47.0)}


def _gradient() -> np.ndarray:
    y, x = np.mgrid[0:240, 0:320]
    return np.stack([x % 256, y % 256, (x + y) // 2 % 256], 2).astype(np.uint8)


def _write_with_exif(pixels: np.ndarray, file: Path, suffix: str) -> None:
    write_image(pixels, file, suffix)  # makes the writers known
    Image.fromarray(pixels).save(file, exif=_EXIF.tobytes())


@pytest.mark.parametrize("suffix", sorted(READABLE))
def test_every_format_is_released_and_carries_nothing(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"in{suffix}"
    _write_with_exif(_gradient(), source, suffix)
    assert b"a camera" in source.read_bytes(), "the source must carry something for this test to mean anything"
    outcome = redact.run(source, tmp_path / f"out{suffix}")
    assert "exif" in json.loads(outcome.record.read_text())["streams"]["metadata_dropped"]
    assert b"a camera" not in outcome.output.read_bytes()
    with Image.open(outcome.output) as released:
        assert released.size == (320, 240)
        assert np.abs(np.asarray(released.convert("RGB")).astype(int) - _gradient()).mean() < 6


@pytest.mark.parametrize(("tag", "turn"), [(3, 2), (6, 1), (8, 3), (1, 0)])
def test_a_picture_is_looked_at_as_it_is_shown(tag: int, turn: int, tmp_path: Path) -> None:
    """A camera that was held sideways notes that; detectors find few faces that lie on their side."""
    exif = Image.Exif()
    exif[0x0112] = tag
    source = tmp_path / "in.png"
    Image.fromarray(np.rot90(_gradient(), turn)).save(source, exif=exif)
    assert (read_image(source).pixels == _gradient()).all()
    (seen,) = redact.detect(source)
    assert (seen.width, seen.height) == (320, 240)


@pytest.mark.parametrize("suffix", sorted(READABLE))
def test_what_rides_along_is_not_released(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that let something through would be noticed, in every format."""
    source = tmp_path / "in.png"
    Image.fromarray(_gradient()).save(source)
    monkeypatch.setattr(stills, "write_image", _write_with_exif)
    with pytest.raises(VerificationError, match=r"carries .*exif"):
        redact.run(source, tmp_path / f"out{suffix}")
    assert not (tmp_path / f"out{suffix}").exists()


def test_a_picture_without_metadata_leaves_none_behind(tmp_path: Path) -> None:
    """What a reader only says that there is none of, such as a HEIF file's thumbnails, is not listed."""
    source = tmp_path / "in.heic"
    write_image(_gradient(), source, ".heic")
    record: dict[str, Any] = json.loads(redact.run(source, tmp_path / "out.png").record.read_text())
    assert record["streams"]["metadata_dropped"] == ["bit_depth", "chroma", "nclx_profile", "primary"]


def test_a_picture_is_planned_corrected_rendered_and_verified_as_a_video_is(tmp_path: Path) -> None:
    """The commands of the documentation, with a picture."""
    source, plan, out = tmp_path / "in.png", tmp_path / "plan.json", tmp_path / "out.png"
    Image.fromarray(_gradient()).save(source)

    def redact_command(*words: str | Path) -> None:
        done = CliRunner().invoke(app, [str(w) for w in words])
        assert done.exit_code == 0, done.output

    redact_command("plan", source, "-o", plan)
    made = redact.load_plan(plan)
    assert not made.tracks
    mine = Track(1, Kind.PLATE, (KeyBox(0, Box(100, 50, 180, 90)),))
    plan.write_text(dump_plan(replace(made, tracks=(mine,))))
    redact_command("render", source, "--plan", plan, "-o", out)
    redact_command("verify", source, out, "--record", f"{out}.record.json")
    with Image.open(out) as released:
        change = np.abs(np.asarray(released).astype(int) - _gradient()).sum(axis=2)
    assert (change[50:90, 100:180] > 0).mean() > 0.9
    change[50:90, 100:180] = 0
    assert not change.any()

    Image.fromarray(255 - _gradient()).save(out)
    again = CliRunner().invoke(app, ["verify", str(source), str(out), "--record", f"{out}.record.json"])
    assert again.exit_code == 5
    assert "The release is not the one" in again.output


def test_a_picture_can_be_black_by_its_plan(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    Image.fromarray(_gradient()).save(source)
    outcome = redact.render(source, replace(redact.plan(source), black=(0,)), tmp_path / "out.png")
    assert outcome.black_frames == 1
    with Image.open(outcome.output) as released:
        assert not np.asarray(released).any()


def test_a_plan_of_another_picture_is_refused(tmp_path: Path) -> None:
    source, other = tmp_path / "in.png", tmp_path / "other.png"
    Image.fromarray(_gradient()).save(source)
    Image.fromarray(255 - _gradient()).save(other)
    with pytest.raises(UsageError, match="made for another file"):
        redact.render(other, redact.plan(source), tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


_SAID = b"GPS 29.5630 106.5516"  # of an even number of bytes


def _chunk(name: bytes) -> bytes:
    return struct.pack(">I", len(_SAID)) + name + _SAID + struct.pack(">I", zlib.crc32(name + _SAID))


def _segment(marker: int, head: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + (len(head + _SAID) + 2).to_bytes(2) + head + _SAID


def _in_riff(data: bytes, chunk: bytes) -> bytes:
    new = data + chunk + len(_SAID).to_bytes(4, "little") + _SAID
    return new[:4] + (len(new) - 8).to_bytes(4, "little") + new[8:]


@pytest.mark.parametrize("size", [(320, 240), (321, 241), (16, 16), (1300, 700)])
@pytest.mark.parametrize("suffix", sorted(READABLE))
def test_a_picture_that_was_written_carries_no_extras(suffix: str, size: tuple[int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    write_image(rng.integers(0, 256, (size[1], size[0], 3), np.uint8), tmp_path / f"in{suffix}", suffix)
    with Image.open(tmp_path / f"in{suffix}") as image:
        assert extras((tmp_path / f"in{suffix}").read_bytes(), image.format or "") == set()


@pytest.mark.parametrize(
    ("suffix", "name", "change"),
    [
        (".png", "bytes behind its end", lambda b: b + _SAID),
        (".png", "chunk seCr", lambda b: b[:33] + _chunk(b"seCr") + b[33:]),
        (".png", "chunk tIME", lambda b: b[:33] + _chunk(b"tIME") + b[33:]),
        (".png", "chunk eXIf", lambda b: b[:33] + _chunk(b"eXIf") + b[33:]),
        (".jpg", "bytes behind its end", lambda b: b + _SAID),
        (".jpg", "bytes behind its end", lambda b: b + b),
        (".jpg", "segment FE", lambda b: b[:2] + _segment(0xFE) + b[2:]),
        (".jpg", "segment APP5", lambda b: b[:2] + _segment(0xE5) + b[2:]),
        (".jpg", "segment APP11", lambda b: b[:2] + _segment(0xEB, b"JP\0\1") + b[2:]),
        (".jpg", "segment APP0", lambda b: b[:20] + _segment(0xE0, b"JFXX\0") + b[20:]),
        (".webp", "bytes behind its end", lambda b: b + _SAID),
        (".webp", "chunk GPSX", lambda b: _in_riff(b, b"GPSX")),
        (".webp", "chunk XMP ", lambda b: _in_riff(b, b"XMP ")),
        (".heic", "bytes behind its end", lambda b: b + _SAID),
        (".heic", "box free", lambda b: b + (8 + len(_SAID)).to_bytes(4) + b"free" + _SAID),
        (".heic", "box mdat", lambda b: b + (8 + len(_SAID)).to_bytes(4) + b"mdat" + _SAID),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_readers_pass_by_is_not_released(
    suffix: str, name: str, change: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(pixels: np.ndarray, file: Path, ending: str) -> None:
        write_image(pixels, file, ending)
        file.write_bytes(change(file.read_bytes()))

    monkeypatch.setattr(stills, "write_image", write)
    Image.fromarray(_gradient()).save(tmp_path / "in.png")
    with pytest.raises(VerificationError, match=f"It carries .*{name}"):
        redact.run(tmp_path / "in.png", tmp_path / f"out{suffix}")
