"""Pictures inside a page: made small, freed of everything but their pixels, and written as ``data:`` addresses."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

LONG_SIDE = 720  # px: enough to see whose face it is about, and twice the width at which it is shown
QUALITY = 78  # JPEG
MOST_FILE_BYTES = 64 << 20
MOST_PIXELS = 100_000_000


class PictureError(ValueError):
    """A file that cannot be shown as a picture; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded picture: its ``data:`` address and its size in pixels."""

    address: str
    width: int
    height: int


def embed(file: Path) -> Picture:
    """Reads a JPEG or PNG and makes a small JPEG of it. Raises PictureError with a sentence."""
    try:
        if file.stat().st_size > MOST_FILE_BYTES:
            raise PictureError("is too large a file to be shown")
        with Image.open(file, formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise PictureError(f"is {image.width}x{image.height} pixels, too large to be shown")
            small = image.convert("RGB")
        small.info.clear()  # Pillow writes a comment and other things found there into the new file
        small.thumbnail((LONG_SIDE, LONG_SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=QUALITY, optimize=True)
    except ImportError:  # ultralytics makes Pillow ask for a reader of HEIF files at what is no picture
        raise PictureError("cannot be read: it is no JPEG or PNG picture") from None
    except OSError as e:  # Pillow's errors about a file's content are of this kind too
        raise PictureError(f"cannot be read: {e.strerror or 'it is no JPEG or PNG picture'}") from None
    except (SyntaxError, ValueError, Image.DecompressionBombError) as e:
        raise e if isinstance(e, PictureError) else PictureError("is damaged") from None
    return Picture("data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode(), small.width, small.height)
