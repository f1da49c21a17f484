"""Still images: read upright, written again as pixels only, with nothing of the original file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from redact.errors import SourceError, UsageError
from redact.media.container import picture_error, source_error
from redact.media.kind import Sort, sort_of
from redact.media.probe import MAX_PIXELS, check_file, file_sha256

READABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
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
    """A picture as people see it: ``pixels`` (H, W, 3) RGB uint8, upright."""

    path: Path
    sha256: str
    bytes: int
    pixels: NDArray[np.uint8]
    dropped: tuple[str, ...]
    """Names of what the file carried besides: "exif", "icc_profile", "xmp", and so on; what is empty is not there."""


def is_image(path: Path) -> bool:
    """Whether a name is that of a still image."""
    return path.suffix.lower() in READABLE


def read_image(path: Path) -> StillImage:
    """Reads a still image. Raises SourceError where it is none, is damaged, or moves."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    size = check_file(path)
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise source_error(path, "holds several pictures", "Save the one to be released by itself.")
            if image.width * image.height > MAX_PIXELS:
                raise source_error(path, f"is {image.width}x{image.height} pixels, too large to handle")
            dropped = tuple(sorted(str(k) for k, v in image.info.items() if not _empty(v)))
            upright = ImageOps.exif_transpose(image)
            pixels = np.asarray(upright.convert("RGB"))
    except (UnidentifiedImageError, ImportError):
        # Where ultralytics is loaded (for a GPU), it makes Pillow look for a plugin before it gives up.
        raise _no_picture(path) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as e:
        raise source_error(path, f"cannot be read: {e}") from None
    return StillImage(path, file_sha256(path), size, np.ascontiguousarray(pixels), dropped)


def _no_picture(path: Path) -> SourceError:
    sort, name = sort_of(path) or (None, "")
    if sort is Sort.VIDEO:
        ending = "Give a copy a name that ends as a video's does, such as .mp4."
        return source_error(path, f"is no picture but a video ({name})", ending)
    if sort in (Sort.SOUND, Sort.OTHER):
        return source_error(path, f"is no picture but a {name} file", "Give the picture itself.")
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
