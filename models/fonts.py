"""Finds the fonts that plates and signs are drawn with, and draws single glyphs into given cells.

Only fonts with a free licence are looked for; ``fonts.md`` lists them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Where Debian, Fedora, macOS users and others keep fonts; searched by file name.
FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".local/share/fonts",
    Path.home() / ".fonts",
    Path.home() / "Library/Fonts",
    Path("/Library/Fonts"),
)

# Groups of interchangeable faces; a group needs at least one of its files. (file name, face within a collection)
GROUPS: dict[str, tuple[tuple[str, int], ...]] = {
    # Strong, narrow, of even stroke: what is pressed into plates.
    "plate": (
        ("RobotoCondensed-Bold.ttf", 0),
        ("LiberationSansNarrow-Bold.ttf", 0),
        ("NationalPark-Heavy.otf", 0),
        ("Dosis-Bold.otf", 0),
        ("Dosis-ExtraBold.otf", 0),
        ("LiberationSans-Bold.ttf", 0),
        ("DejaVuSansCondensed-Bold.ttf", 0),
        ("DejaVuSans-Bold.ttf", 0),
    ),
    # Anything that shop signs, stickers and posters are set in.
    "text": (
        ("Roboto-Medium.ttf", 0),
        ("Roboto-Black.ttf", 0),
        ("RobotoCondensed-Regular.ttf", 0),
        ("LiberationSerif-Bold.ttf", 0),
        ("LiberationSans-Regular.ttf", 0),
        ("NationalPark-Regular.otf", 0),
        ("B612-Bold.otf", 0),
        ("routed-gothic.ttf", 0),
        ("DejaVuSerif-Bold.ttf", 0),
        ("DejaVuSans.ttf", 0),
        ("DejaVuSansMono-Bold.ttf", 0),
    ),
    # Face 2 of the Noto collections is Simplified Chinese, 0 Japanese, 1 Korean.
    "chinese": (("NotoSansCJK-Bold.ttc", 2), ("wqy-zenhei.ttc", 0)),
    "chinese-text": (("NotoSansCJK-Bold.ttc", 2), ("NotoSerifCJK-Bold.ttc", 2), ("wqy-zenhei.ttc", 0)),
    "japanese": (("NotoSansCJK-Bold.ttc", 0), ("NotoSerifCJK-Bold.ttc", 0)),
    "korean": (("NotoSansCJK-Bold.ttc", 1),),
    "arabic": (("DejaVuSans-Bold.ttf", 0), ("DejaVuSans.ttf", 0)),
}

INSTALL = "install the Debian package fonts-noto-cjk (or put NotoSansCJK-Bold.ttc into ~/.local/share/fonts)"


class NoFontError(RuntimeError):
    """A font that is needed is not on this machine; the text says what to install."""


@cache
def installed() -> dict[str, Path]:
    """All font files on this machine by file name; matplotlib's own DejaVu fonts count too."""
    folders = list(FOLDERS)
    spec = find_spec("matplotlib")
    if spec and spec.origin:
        folders.append(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf")
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.rglob("*.[ot]t[fc]")):
            found.setdefault(file.name, file)
    return found


@cache
def group(name: str) -> tuple[tuple[str, int], ...]:
    """The faces of a group that are installed, as (path, index). Raises NoFontError where there is none."""
    here = installed()
    faces = tuple((str(here[f]), i) for f, i in GROUPS[name] if f in here)
    if not faces:
        raise NoFontError(f"no font for {name} characters was found: {INSTALL}")
    return faces


def choose(name: str, rng: np.random.Generator) -> tuple[str, int]:
    faces = group(name)
    return faces[int(rng.integers(len(faces)))]


@lru_cache(maxsize=256)
def load(face: tuple[str, int], size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(face[0], size, index=face[1])


@lru_cache(maxsize=4096)
def glyph(char: str, face: tuple[str, int], width: int, height: int) -> Image.Image:
    """One character filling a ``width`` x ``height`` cell, as an L mask of that size.

    Plates give each character the same cell, whatever the font's own proportions; only what is
    naturally slim (1, I) keeps its shape and is centred.
    """
    font = load(face, 128)
    sheet = Image.new("L", (256, 256))
    # Zen Hei has one weight, too light for a plate.
    stroke = 4 if Path(face[0]).name.startswith("wqy") else 0
    ImageDraw.Draw(sheet).text((64, 40), char, 255, font, stroke_width=stroke)
    tight = sheet.crop(sheet.getbbox() or (0, 0, 1, 1))
    natural = tight.width / tight.height * height
    w = max(1, round(natural)) if natural < 0.62 * width else width
    cell = Image.new("L", (width, height))
    cell.paste(tight.resize((w, height), Image.Resampling.LANCZOS), ((width - w) // 2, 0))
    return cell


def line(text: str, face: tuple[str, int], height: int) -> Image.Image:
    """A line of running text, ``height`` px from the top of its ink to the bottom, as a tight L mask."""
    font = load(face, max(8, round(height * 1.25)))
    box = font.getbbox(text)
    sheet = Image.new("L", (max(1, int(box[2] - box[0])) + 4, max(1, int(box[3] - box[1])) + 4))
    ImageDraw.Draw(sheet).text((2 - box[0], 2 - box[1]), text, 255, font)
    tight = sheet.crop(sheet.getbbox() or (0, 0, 1, 1))
    return tight.resize((max(1, round(tight.width * height / tight.height)), height), Image.Resampling.LANCZOS)
