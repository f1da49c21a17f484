"""Still images: read upright, written again as pixels only, with nothing of the original file."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from redact.errors import RedactError, SourceError, UsageError
from redact.media.container import picture_error, source_error
from redact.media.extras import extras
from redact.media.file import check_file, file_sha256
from redact.media.kind import PICTURES, Sort, sort_of
from redact.media.picture import MAX_PIXELS

# What it has to say of a file, its size or its tags, is said here where it matters. Who asks for warnings gets them.
warnings.filterwarnings("ignore", module=r"PIL\.", append=True)

READABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
# Whatever a file is called: of the others that Pillow knows, one (EPS) starts a program. MPO is read as a kind of JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr"})
"""The kinds of samples that Pillow turns into RGB of 8 bits without cutting any off."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture is turned for people to see it, by its orientation in EXIF."""
# Quality 95 without chroma subsampling: the picture outside the regions keeps its detail.
_WRITERS: dict[str, tuple[str, dict[str, object]]] = {
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 95, "method": 4}),
    ".heic": ("HEIF", {"quality": 95}),
    ".heif": ("HEIF", {"quality": 95}),
}


@dataclass(frozen=True)
class StillImage:
    """A picture as people see it: ``pixels`` (H, W, 3) RGB uint8, upright, white where it is transparent."""

    path: Path
    sha256: str
    bytes: int
    pixels: NDArray[np.uint8]
    dropped: tuple[str, ...]
    """Names of what the file carried besides: "exif", "transparency", "further pictures", and so on.

    What is empty is not there."""


def is_image(path: Path) -> bool:
    """Whether a name is that of a still image."""
    return path.suffix.lower() in READABLE


def read_image(path: Path) -> StillImage:
    """Reads a still image. Raises SourceError where it is none, is damaged, or moves."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    size = check_file(path)
    try:
        with Image.open(path, formats=_FORMATS) as image:
            # Telephones put further pictures behind a JPEG (MPO): the first is the one that is shown.
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise source_error(path, "holds several pictures", "Save the one to be released by itself.")
            if image.width * image.height > MAX_PIXELS:
                raise source_error(path, f"is {image.width}x{image.height} pixels, too large to handle")
            image.load()
            names = {*_left_behind(image), *extras(path.read_bytes(), image.format or "")}
            dropped = tuple(sorted(names))
            turn = _TURNS.get(_orientation(image))
            shown = _rgb(path, image)
            pixels = np.asarray(shown if turn is None else shown.transpose(turn))
    except RedactError:
        raise
    except (UnidentifiedImageError, ImportError):
        # Where ultralytics is loaded (for a GPU), it makes Pillow look for a plugin before it gives up.
        raise _no_picture(path) from None
    except Exception as e:  # noqa: BLE001 - readers meet damage with errors of every kind; each refuses the file
        why = " ".join(str(e).split()).rstrip(".") or type(e).__name__
        raise source_error(path, f"cannot be read: {why}") from None
    return StillImage(path, file_sha256(path), size, np.ascontiguousarray(pixels), dropped)


def _left_behind(image: Image.Image) -> set[str]:
    """Names of what a file carries besides its pixels, as far as Pillow reads it."""
    names = {str(k) for k, v in image.info.items() if not _empty(v)}
    if image.has_transparency_data:
        names.add("transparency")
    if "mp" in names:  # the list of the pictures in the file
        names.add("further pictures")
    return names


def _orientation(image: Image.Image) -> int:
    """The orientation in EXIF; 1, upright, where there is none that can be read, as viewers do."""
    exif = image.info.get("exif")
    said = _orientation_in(exif) if isinstance(exif, bytes) else None
    if said is None:  # a PNG or XMP may say it in words
        try:
            said = image.getexif().get(ExifTags.Base.Orientation)
        except Exception:  # noqa: BLE001 - Pillow meets broken tags with errors of every kind
            said = None
    return said if isinstance(said, int) else 1


def _orientation_in(exif: bytes) -> int | None:
    """The orientation in EXIF, whatever the other tags are like: for Pillow a broken one ends the list."""
    tiff = exif.removeprefix(b"Exif\0\0")
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return None
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    first = number(4, 4) + 2
    for at in range(first, first + 12 * number(first - 2, 2), 12):
        if number(at, 2) == ExifTags.Base.Orientation:
            long = number(at + 2, 2) == 4
            return number(at + 8, 4 if long else 2)
    return None


def _rgb(path: Path, image: Image.Image) -> Image.Image:
    """The picture as RGB of 8 bits, on white: what is transparent may hide a picture, which must not come back."""
    if image.mode.startswith("I"):
        image = _eight_bits(path, image)
    if image.mode not in _MODES:
        raise _samples_error(path, image.mode)
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode in ("L", "RGB") and _png_bits(path) in (2, 4, 16):
        raise source_error(
            path,
            "is transparent where it has one colour, of samples that are not of 8 bits",
            "Save it with 8 bits a channel.",
        )
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")


def _png_bits(path: Path) -> int:
    """Bits a sample of a PNG (its specification, 11.2.1); 0 for what is none.

    Pillow reads all as 8 bits, but compares them with the transparent colour as it stands in the file.
    """
    with path.open("rb") as f:
        head = f.read(25)
    return head[24] if head.startswith(b"\x89PNG") and len(head) == 25 else 0


def _eight_bits(path: Path, image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits with the upper 8, which Pillow would cut off."""
    grey = np.asarray(image)
    if grey.min() < 0 or grey.max() > 0xFFFF:
        raise _samples_error(path, image.mode)
    upper = Image.fromarray((grey >> 8).astype(np.uint8))
    hidden = image.info.get("transparency")
    if hidden is not None:
        upper.putalpha(Image.fromarray(np.where(grey == hidden, 0, 255).astype(np.uint8)))
    return upper


def _samples_error(path: Path, mode: str) -> SourceError:
    what = f"is a picture of a kind of samples that is not supported ({mode})"
    return source_error(path, what, "Convert it to 8 bits a channel first.")


def _no_picture(path: Path) -> SourceError:
    sort, name = sort_of(path) or (None, "")
    if sort is Sort.VIDEO:
        ending = "Give a copy a name that ends as a video's does, such as .mp4."
        return source_error(path, f"is no picture but a video ({name})", ending)
    if sort in (Sort.SOUND, Sort.OTHER):
        return source_error(path, f"is no picture but a {name} file", "Give the picture itself.")
    if sort is Sort.PICTURE and name not in PICTURES:
        return picture_error(path, name)
    return source_error(path, "is not a picture in a format that can be read")


def check_same_kind(source: Path, output: Path) -> None:
    """Refuses to write a video as a picture. Raises SourceError where the source is a picture that cannot be read."""
    if is_image(source) or not is_image(output):
        return
    sort, name = sort_of(source) or (None, "")
    if sort is Sort.PICTURE:
        raise picture_error(source, name)
    raise UsageError(f"{str(output)!r}: a video is not released as a picture.", "Name the output .mp4.")


def _empty(value: object) -> bool:
    """Whether a reader names something only to say that the file has none: a HEIF file's exif, thumbnails, depth."""
    return value is None or (isinstance(value, list | dict | bytes | str) and not value)


def check_image_output(output: Path) -> None:
    """Raises UsageError for an ending that no still image is written as."""
    if output.suffix.lower() not in _WRITERS:
        wanted = output.suffix
        what = f"a picture cannot be written as {wanted!r}" if wanted else "the name of a release needs an ending"
        raise UsageError(f"{str(output)!r}: {what}.", f"Use one of {' '.join(_WRITERS)}.")


def write_image(pixels: NDArray[np.uint8], file: Path, suffix: str) -> None:
    """Writes RGB pixels (H, W, 3) as the format that ``suffix`` names, without any metadata. Raises OSError."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    name, options = _WRITERS[suffix.lower()]
    Image.fromarray(pixels, "RGB").save(file, format=name, **options)
