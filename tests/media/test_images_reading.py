"""How still pictures are read: their samples, what is transparent, how they are turned, and what is refused."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from commands import redact as command
from commands import refused
from PIL import Image, JpegImagePlugin, PngImagePlugin

import redact
from redact.errors import SourceError
from redact.media.images import read_image

pillow_heif.register_heif_opener()
SECRET, SHOWN, WHITE = (200, 30, 60), (20, 90, 160), (255, 255, 255)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _picture(file: Path, colour: tuple[int, int, int] = SHOWN) -> Path:
    Image.new("RGB", (64, 48), colour).save(file)
    return file


# --- samples ---


def _ramp() -> np.ndarray:
    return np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)


@pytest.mark.parametrize("name", ["in.png", "in.heic"])
def test_grey_of_16_bits_keeps_its_brightness(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    Image.fromarray(_ramp()).save(file, **({"quality": -1} if name == "in.heic" else {}))
    with Image.open(file) as image:
        assert image.mode == "I;16", "the file must have 16 bits for this test to mean anything"
    pixels = read_image(file).pixels
    assert np.abs(pixels.astype(int) - (_ramp() >> 8)[..., None]).max() <= 1


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B"])
def test_grey_of_16_bits_however_it_is_read(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of its modes Pillow reads a file as depends on its version."""
    file = _picture(tmp_path / "in.png")
    monkeypatch.setattr(Image, "open", lambda *_, **__: Image.new(mode, (64, 48), 0x50FF))
    assert (read_image(file).pixels == 0x50).all()


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 0x10000), ("I", -1)])
def test_other_samples_are_refused(mode: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _picture(tmp_path / "in.png")
    monkeypatch.setattr(Image, "open", lambda *_, **__: Image.new(mode, (64, 48), value))
    with pytest.raises(SourceError, match=r"in.png': is a picture of a kind of samples .* Convert it"):
        read_image(file)


# --- what is transparent ---


def _half_hidden(mode: str, file: Path) -> None:
    """Writes a picture whose right half is transparent and has the colour of a secret."""
    secret, shown = (SECRET, SHOWN) if "RGB" in mode or "P" in mode else (SECRET[:1] * 3, SHOWN[:1] * 3)
    pixels = np.full((48, 64, 3), shown, np.uint8)
    pixels[:, 32:] = secret
    image = Image.fromarray(pixels)
    match mode:
        case "RGBA" | "LA":
            image = image.convert(mode)
            alpha = Image.new("L", (64, 48), 255)
            alpha.paste(0, (32, 0, 64, 48))
            image.putalpha(alpha)
            image.save(file, **({"lossless": True, "exact": True} if file.suffix == ".webp" else {}))
        case "RGB":
            image.save(file, transparency=secret)
        case "L":
            image.convert("L").save(file, transparency=secret[0])
        case "P one" | "P several":
            colours = Image.new("P", (64, 48), 1)
            colours.putpalette([*secret, *shown])
            colours.paste(0, (32, 0, 64, 48))
            colours.save(file, transparency=0 if mode == "P one" else bytes((0, 254)))


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *((mode, "in.png") for mode in ("RGBA", "LA", "RGB", "L", "P one", "P several")),
        ("RGBA", "in.webp"),
        ("RGBA", "in.heic"),
    ],
)
def test_what_is_transparent_stays_hidden(mode: str, name: str, tmp_path: Path) -> None:
    _half_hidden(mode, tmp_path / name)
    image = read_image(tmp_path / name)
    assert "transparency" in image.dropped
    shown = SHOWN if "RGB" in mode or "P" in mode else SHOWN[:1] * 3
    assert np.abs(image.pixels[:, :30].astype(int) - shown).max() <= 3
    assert (image.pixels[:, 34:] == 255).all()


def test_what_is_partly_transparent_shines_through(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 48), (0, 0, 0, 51)).save(tmp_path / "in.png")
    assert (read_image(tmp_path / "in.png").pixels == 204).all()


def test_one_value_of_16_bits_is_transparent(tmp_path: Path) -> None:
    """And not the others that have the same upper 8 bits."""
    grey = np.full((48, 64), 0x5001, np.uint16)
    grey[:, 32:] = 0x5002
    Image.fromarray(grey).save(tmp_path / "in.png", transparency=0x5002)
    pixels = read_image(tmp_path / "in.png").pixels
    assert (pixels[:, :32] == 0x50).all()
    assert (pixels[:, 32:] == 255).all()


def test_the_record_says_what_was_left_behind(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    _half_hidden("RGBA", source)
    outcome = redact.run(source, tmp_path / "out.png")
    assert json.loads(outcome.record.read_text())["streams"]["metadata_dropped"] == ["transparency"]
    with Image.open(outcome.output) as released:
        assert released.mode == "RGB"
        assert released.getpixel((63, 0)) == WHITE


# --- EXIF ---

_TURNED = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
_NUMBER_IN_WORDS = (0x011A, 2, 3, b"ab\0\0")  # the resolution
_BEYOND_THE_END = (0x010F, 2, 20, struct.pack("<L", 9000))  # the camera


def _exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    packed = b"".join(struct.pack("<HHL4s", *e) for e in entries)
    return b"Exif\0\0II*\0" + struct.pack("<LH", 8, len(entries)) + packed + bytes(4)


_BIG = b"Exif\0\0MM\0*" + struct.pack(">LHHHLL", 8, 1, 0x0112, 4, 1, 6) + bytes(4)
_TURNED_EXIF = {
    "a number in words": _exif(_TURNED, _NUMBER_IN_WORDS),
    "a tag beyond the end": _exif(_BEYOND_THE_END, _TURNED),
    "more tags than there are": _exif(_TURNED).replace(b"\x01\0\x12\x01", b"\xff\xff\x12\x01"),
    "the end missing": _exif(_TURNED)[:-4],
    "the other order of bytes": _BIG,
}
_UPRIGHT_EXIF = {
    "no header": b"Exif\0\0" + b"nothing at all",
    "half a header": _exif(_TURNED)[:12],
    "a directory beyond the end": _exif(_TURNED).replace(struct.pack("<L", 8), struct.pack("<L", 9000), 1),
    "no such turn": _exif((0x0112, 3, 1, struct.pack("<HH", 77, 0))),
    "a turn in words": _exif((0x0112, 2, 3, b"ab\0\0")),
}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(
    ("exif", "size"),
    [
        *(pytest.param(e, (48, 64), id=name) for name, e in _TURNED_EXIF.items()),
        *(pytest.param(e, (64, 48), id=name) for name, e in _UPRIGHT_EXIF.items()),
    ],
)
def test_broken_exif_hides_no_turn_and_stops_nothing(
    exif: bytes, size: tuple[int, int], suffix: str, tmp_path: Path
) -> None:
    file = tmp_path / f"in{suffix}"
    Image.new("RGB", (64, 48)).save(file, exif=exif)
    image = read_image(file)
    assert image.pixels.shape[1::-1] == size
    assert "exif" in image.dropped


@pytest.mark.parametrize("place", ["exif", "Raw profile type exif", "xmp"])
def test_words_where_exif_would_be(place: str, tmp_path: Path) -> None:
    """A text in a PNG may be called anything."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text(place, "nothing\nof\nthe\nkind")
    Image.new("RGB", (64, 48)).save(tmp_path / "in.png", pnginfo=notes)
    assert read_image(tmp_path / "in.png").pixels.shape == (48, 64, 3)


# --- damage ---


@pytest.mark.parametrize(
    "error",
    [
        *(EOFError, RuntimeError, TypeError, ValueError, SyntaxError, OSError, AttributeError, MemoryError),
        struct.error,
    ],
)
@pytest.mark.parametrize("text", ["", "it\nbroke."])
def test_each_error_of_a_reader_is_a_refusal(
    error: type[Exception], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_: object) -> None:
        raise error(text)

    file = _picture(tmp_path / "in.jpg")
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", load)
    with pytest.raises(SourceError) as caught:
        read_image(file)
    assert caught.value.message == f"{str(file)!r}: cannot be read: {'it broke' if text else error.__name__}."


def _with_a_text_for_its_transparency(file: Path) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("transparency", "some")
    Image.new("L", (64, 48)).save(file, pnginfo=notes)


def test_a_folder_goes_on_after_a_broken_picture(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    _with_a_text_for_its_transparency(folder / "a.png")
    Image.new("RGB", (64, 48)).save(folder / "b.jpg", exif=_TURNED_EXIF["a number in words"])
    _picture(folder / "c.jpg")
    done = command("run", folder, "-o", tmp_path / "out", "--keep-going", cwd=tmp_path)
    assert sorted(f.name for f in (tmp_path / "out").iterdir() if f.suffix != ".json") == ["b.jpg", "c.jpg"]
    refused(done, 3, "a.png': cannot be read: ")


# --- formats, sizes, several pictures ---


def test_a_picture_that_would_start_a_program_is_none(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "in.eps")
    file = (tmp_path / "in.eps").rename(tmp_path / "in.jpg")
    with pytest.raises(SourceError, match=r"in\.jpg': is not a picture in a format that can be read"):
        read_image(file)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "TGA", "ICO"])
def test_other_formats_are_refused_under_any_name(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "in.jpg"
    Image.new("RGB", (64, 48)).save(file, kind)
    says = f"is a {kind} picture, which cannot be read" if kind in ("GIF", "BMP", "TIFF") else "is not a picture in a"
    with pytest.raises(SourceError, match=says):
        read_image(file)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((9500, 9500), "is 9500x9500 pixels, too large to handle"),  # Pillow warns
        ((20000, 20000), "cannot be read: Image size (400000000 pixels) exceeds"),  # Pillow refuses
    ],
)
def test_a_picture_too_large_is_refused_in_one_sentence(size: tuple[int, int], says: str, tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes((size[0] + 7) // 8 + 1) * size[1])
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    (tmp_path / "in.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    refused(command("run", "in.png", "-o", "out.png", cwd=tmp_path), 3, says)


@pytest.mark.parametrize("xmp", [None, b'<x hdrgm:Version="1.0"/>'], ids=["MPO", "with a gain map"])
def test_of_a_jpeg_with_further_pictures_the_first_is_read(xmp: bytes | None, tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    first, second = Image.new("RGB", (64, 48), SHOWN), Image.new("RGB", (32, 24), SECRET)
    first.save(source, "MPO", save_all=True, append_images=[second], exif=_exif(_TURNED), xmp=xmp)
    image = read_image(source)
    assert image.pixels.shape == (64, 48, 3)
    assert np.abs(image.pixels.astype(int) - SHOWN).max() <= 3
    outcome = redact.run(source, tmp_path / "out.jpg")
    assert "further pictures" in json.loads(outcome.record.read_text())["streams"]["metadata_dropped"]
    assert outcome.output.read_bytes().count(b"\xff\xd8\xff") == 1
    assert "further pictures" not in read_image(outcome.output).dropped


@pytest.mark.parametrize("suffix", [".png", ".webp", ".heic"])
def test_an_animation_is_refused(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"in{suffix}"
    first, second = Image.new("RGB", (64, 48), SHOWN), Image.new("RGB", (64, 48), SECRET)
    first.save(file, save_all=True, append_images=[second])
    with pytest.raises(SourceError, match="holds several pictures"):
        read_image(file)
