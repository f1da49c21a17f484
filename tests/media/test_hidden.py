"""What a source holds and no player shows must not be in a release: cropped, transparent, cut off, said in headers."""

from __future__ import annotations

import shlex
import struct
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from clips import Clip, write_clip
from PIL import Image

import redact
from redact.errors import SourceError
from redact.media.images import read_image
from redact.media.witness import ffmpeg_program
from redact.period import Period
from redact.policy import AudioPolicy
from redact.run.local import LocalRunner
from redact.scope import Scope

LOUD = redact.policy_of("public-release").model_copy(update={"audio": AudioPolicy(mode="keep")})


def _ffmpeg(*words: object) -> None:
    subprocess.run([ffmpeg_program(), "-v", "error", "-y", *map(str, words)], check=True, timeout=60)


def _pictures(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as c:
        return [f.to_ndarray(format="rgb24") for f in c.decode(video=0)]


def _blocks(clip: Clip, i: int) -> np.ndarray:
    """Another colour in each column of ten pixels, so that a picture that is moved is another one."""
    columns = np.arange(clip.width) // 10
    row = np.stack([columns * 7 % 256, columns * 29 % 256, columns * 53 % 256], 1)
    return np.repeat(row[None], clip.height, 0).astype(np.uint8)


@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264_metadata"), ("libx265", "hevc_metadata")])
@pytest.mark.parametrize("left", [10, 32, 100])
def test_what_a_stream_crops_away_stays_away(
    codec: str, name: str, left: int, runner: LocalRunner, tmp_path: Path
) -> None:
    """By itself the library cuts off less at the left, so that its rows stay aligned."""
    clip = Clip(codec=codec, frames=24, gop=12)
    whole = write_clip(tmp_path / "whole.mp4", clip, _blocks)
    source = tmp_path / "in.mp4"
    with av.open(str(whole)) as i, av.open(str(source), "w") as o:
        stream = i.streams.video[0]
        out = o.add_stream_from_template(stream)
        crop = BitStreamFilterContext(f"{name}=crop_left={left}:crop_right=40:crop_top=30:crop_bottom=50", stream, out)
        for packet in [*i.demux(stream), None]:
            if packet is not None and packet.dts is None:
                continue
            for p in crop.filter(packet):
                p.stream = out
                o.mux(p)
    released = redact.run(source, tmp_path / "out.mp4", runner=runner).output
    shown = _pictures(released)
    assert {p.shape for p in shown} == {(240 - 80, 320 - 40 - left, 3)}
    wanted = _blocks(clip, 0)[30:190, left:280].astype(int)
    assert np.abs(shown[0].astype(int) - wanted).mean() < 12


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("prores_ks", "yuva444p10le", "mov"),
        ("qtrle", "argb", "mov"),
        ("png", "rgba", "mov"),
        ("libvpx-vp9", "yuva420p", "webm"),
    ],
)
def test_what_is_transparent_is_refused(
    codec: str, pix_fmt: str, suffix: str, runner: LocalRunner, tmp_path: Path
) -> None:
    """And what it says to do instead hides what was hidden."""
    source = tmp_path / f"in.{suffix}"
    hidden = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(gt(X,160),0,255)'"
    _ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=320x240:r=25:d=0.4,{hidden}", "-c:v", codec, "-pix_fmt", pix_fmt, source)
    with pytest.raises(SourceError, match="transparent in part") as e:
        redact.run(source, tmp_path / "out.mp4", runner=runner)
    assert not (tmp_path / "out.mp4").exists()
    words = shlex.split(e.value.remedy.split(" first: ffmpeg ")[1])
    copy = tmp_path / "copy.mp4"
    _ffmpeg(*({"SOURCE": source, "COPY.mp4": copy}.get(w, w) for w in words))
    shown = _pictures(redact.run(copy, tmp_path / "out.mp4", runner=runner).output)[0]
    assert shown[:, :150].mean() > 60
    assert shown[:, 170:].max() < 16


def _png(file: Path, bits: int, colour: int, shown: int, hidden: int) -> Path:
    """A PNG whose right half has the colour that it says is transparent, 64 x 8 pixels of grey or RGB."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    channels = 3 if colour == 2 else 1
    samples = [v for v in [shown] * 32 + [hidden] * 32 for _ in range(channels)]
    row = int("".join(f"{v:0{bits}b}" for v in samples), 2).to_bytes(len(samples) * bits // 8, "big")
    head = struct.pack(">IIBBBBB", 64, 8, bits, colour, 0, 0, 0)
    key = struct.pack(f">{channels}H", *[hidden] * channels)
    data = chunk(b"IHDR", head) + chunk(b"tRNS", key) + chunk(b"IDAT", zlib.compress((b"\0" + row) * 8))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))
    return file


@pytest.mark.parametrize(("bits", "colour"), [(1, 0), (8, 0), (16, 0), (8, 2)])
def test_a_transparent_colour_is_not_shown(bits: int, colour: int, tmp_path: Path) -> None:
    pixels = read_image(_png(tmp_path / "in.png", bits, colour, 0, max(1, ((1 << bits) - 1) // 3))).pixels
    assert pixels[:, :32].max() == 0
    assert pixels[:, 32:].min() == 255


@pytest.mark.parametrize(("bits", "colour"), [(2, 0), (4, 0), (16, 2)])
def test_a_transparent_colour_that_cannot_be_told_from_others_is_refused(
    bits: int, colour: int, tmp_path: Path
) -> None:
    """Pillow compares samples that it brought to 8 bits with the colour as it stands in the file."""
    with pytest.raises(SourceError, match="8 bits a channel"):
        read_image(_png(tmp_path / "in.png", bits, colour, 0, ((1 << bits) - 1) // 3))


def test_a_palette_may_have_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (64, 8), 1)
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    image.paste(0, (32, 0, 64, 8))
    image.save(tmp_path / "in.png", transparency=0, bits=4)
    pixels = read_image(tmp_path / "in.png").pixels
    assert pixels[:, 32:].min() == 255


def _tone(tmp_path: Path, name: str, *, late: float = 0.0, seconds: float = 8.0) -> Path:
    """Two seconds of a picture, which begins so many seconds after a tone of ``seconds``."""
    picture = write_clip(tmp_path / "picture.mp4", Clip(codec="libx264", frames=50, rate=25, gop=25))
    tone = f"sine=frequency=440:duration={seconds}"
    out = tmp_path / name
    words = ("-itsoffset", late, "-i", picture, "-f", "lavfi", "-i", tone, "-map", "0:v", "-map", "1:a")
    _ffmpeg(*words, "-c:v", "copy", "-c:a", "aac", out)
    return out


def _heard(file: Path) -> list[tuple[float, float]]:
    """(seconds of the file's clock, loudest sample) of each frame of sound."""
    with av.open(str(file)) as c:
        return [(float(f.time or 0), float(np.abs(f.to_ndarray()).max())) for f in c.decode(audio=0)]


@pytest.mark.parametrize(("start", "end"), [(0, 1.97), (0, 2), (1, 1.97), (1, 3), (Fraction(1, 2), 1)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_sound_of_a_part_ends_when_the_part_does(
    suffix: str, start: float, end: float, runner: LocalRunner, tmp_path: Path
) -> None:
    """Also where the picture ends, or its next frame comes, long after."""
    source = _tone(tmp_path, "in.mp4")
    scope = Scope(Period(Fraction(start), Fraction(str(end))))
    released = redact.run(source, tmp_path / f"out.{suffix}", LOUD, scope=scope, runner=runner).output
    heard = _heard(released)
    begins = min(t for t, _ in heard)
    assert max(t for t, loud in heard if loud > 0.01) - begins <= end - start + 0.03
    assert any(loud > 0.05 for t, loud in heard), "the part itself is heard"


def test_sound_ahead_of_the_picture_is_muted_with_its_beginning(runner: LocalRunner, tmp_path: Path) -> None:
    source = _tone(tmp_path, "in.mp4", late=1.0, seconds=3.0)
    scope = Scope(mutes=(Period(Fraction(0), Fraction(1)),))
    heard = _heard(redact.run(source, tmp_path / "out.mp4", LOUD, scope=scope, runner=runner).output)
    assert max(loud for t, loud in heard if t < 1.9) < 0.01
    assert max(loud for t, loud in heard if t > 2.1) > 0.05


def test_a_part_does_not_begin_ahead_of_the_picture(runner: LocalRunner, tmp_path: Path) -> None:
    source = _tone(tmp_path, "in.mp4", late=1.0, seconds=3.0)
    whole = _heard(redact.run(source, tmp_path / "whole.mp4", LOUD, runner=runner).output)
    part = Scope(Period(Fraction(0), Fraction(1)))
    heard = _heard(redact.run(source, tmp_path / "out.mp4", LOUD, scope=part, runner=runner).output)
    assert sum(loud > 0.05 for _, loud in whole) * 1024 / 44100 == pytest.approx(3.0, abs=0.1)
    assert sum(loud > 0.05 for _, loud in heard) * 1024 / 44100 == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_a_header_of_sound_says_besides_stays_behind(suffix: str, runner: LocalRunner, tmp_path: Path) -> None:
    secret = b"GPS=29.5630,106.5516"
    plain = write_clip(tmp_path / "plain.mp4", Clip(audio=True))
    source = tmp_path / "in.mkv"
    with av.open(str(plain)) as i, av.open(str(source), "w") as o:
        streams = {s.index: o.add_stream_from_template(s) for s in i.streams}
        sound = streams[i.streams.audio[0].index].codec_context
        sound.extradata = bytes(sound.extradata or b"") + secret
        for packet in i.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                o.mux(packet)
    assert secret in source.read_bytes()
    released = redact.run(source, tmp_path / f"out.{suffix}", LOUD, runner=runner).output
    assert secret not in released.read_bytes()
    assert max(loud for _, loud in _heard(released)) > 0.05
