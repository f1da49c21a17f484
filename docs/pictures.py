"""Draws a street of our own, redacts it with redact, and writes a picture of before and after.

    python docs/pictures.py                      # writes docs/images/before-after.png
    python docs/pictures.py --keep work/street   # also keeps the clip, the release and its record

Nobody is on it: people, vehicles and plates are drawn (the plates with the code in ``models/``, with numbers that
are not issued). What is obscured on the right is what redact found and obscured by itself, read from its release.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

import redact

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "models"))  # scripts, which find each other by plain name

import fonts  # noqa: E402
from bank import corners  # noqa: E402
from board import BLACK, WHITE, Board  # noqa: E402
from cars import draw_car  # noqa: E402
from plates_china import cn_single  # noqa: E402
from road import finish  # noqa: E402
from signs import draw_sign  # noqa: E402

Pixels = np.ndarray
Colour = Sequence[float] | np.ndarray
W, H = 1280, 720
RATE, FRAMES = 25, 60
SHOWN = 30  # the frame on the picture
STREET = 470  # px: where the pavement ends


def lay(ground: Pixels, rgba: Pixels, quad: np.ndarray) -> None:
    """Warps a picture with transparency onto ``quad`` (4 x 2, clockwise from the top left) of another, in place."""
    h, w = rgba.shape[:2]
    alpha = rgba[..., 3:].astype(np.float32) / 255
    flat = np.dstack([rgba[..., :3] * alpha, alpha]).astype(np.float32)
    across, down = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
    small = cv2.resize(flat, (max(2, round(float(across))), max(2, round(float(down)))), interpolation=cv2.INTER_AREA)
    h, w = small.shape[:2]
    turn = cv2.getPerspectiveTransform(corners(0, 0, w, h), quad.astype(np.float32))
    over = cv2.warpPerspective(small, turn, (ground.shape[1], ground.shape[0]))
    ground[:] = (ground * (1 - over[..., 3:]) + over[..., :3]).clip(0, 255).astype(np.uint8)


# --- what stands still ------------------------------------------------------------------------------------------


def background(rng: np.random.Generator) -> Pixels:
    """Houses, shops, a pavement and a road."""
    picture = np.zeros((H, W, 3), np.uint8)
    rows = np.linspace(0, 1, H)[:, None, None]
    picture[:] = (np.array([150, 182, 214]) * (1 - rows) + np.array([226, 230, 232]) * rows).astype(np.uint8)
    x = 0
    while x < W:
        width = int(rng.integers(190, 300))
        top = int(rng.integers(20, 110))
        wall = np.array([[178, 160, 140], [150, 142, 136], [190, 182, 168], [136, 120, 112]][int(rng.integers(4))])
        cv2.rectangle(picture, (x, top), (x + width, 400), wall.tolist(), -1)
        for wy in range(top + 22, 262, 58):
            for wx in range(x + 18, x + width - 34, 54):
                pane = (np.array([70, 86, 100]) * rng.uniform(0.7, 1.4)).clip(0, 255)
                cv2.rectangle(picture, (wx, wy), (wx + 30, wy + 38), pane.tolist(), -1)
                cv2.rectangle(picture, (wx, wy), (wx + 30, wy + 38), (wall * 0.75).tolist(), 2)
        cv2.rectangle(picture, (x + 14, 318), (x + width - 14, 400), (58, 66, 74), -1)
        cv2.line(picture, (x + width // 2, 318), (x + width // 2, 400), (wall * 0.8).tolist(), 5)
        lay(picture, draw_sign("shop", rng).image, corners(x + 20, 280, x + width - 20, 314))
        x += width
    cv2.rectangle(picture, (0, 396), (W, STREET), (168, 166, 162), -1)
    for px in range(-200, W, 90):
        cv2.line(picture, (px + 120, 396), (px, STREET), (150, 148, 145), 2, cv2.LINE_AA)
    cv2.rectangle(picture, (0, STREET), (W, STREET + 10), (196, 196, 192), -1)
    cv2.rectangle(picture, (0, STREET + 10), (W, H), (84, 86, 90), -1)
    for px in range(20, W, 230):
        cv2.rectangle(picture, (px, 664), (px + 120, 674), (214, 214, 208), -1)
    grain = rng.normal(0, 1.0, (H // 2, W // 2, 1))
    grain = cv2.resize(grain, (W, H))[..., None]
    return (picture + grain).clip(0, 255).astype(np.uint8)


def plate(text: str, ground: tuple[int, int, int], ink: tuple[int, int, int], rng: np.random.Generator) -> Pixels:
    """A plate with a given number, lit and worn, RGBA."""
    picture, alpha = finish(cn_single(Board(440, 140, ground), text, ink, rng), rng)
    return np.dstack([picture.clip(0, 255), alpha * 255]).astype(np.uint8)


def vehicle(kind: str, seed: int, on_it: Pixels) -> Pixels:
    """A vehicle with its plate, RGBA."""
    car = draw_car(kind, np.random.default_rng(seed))
    rgba = car.image.copy()
    colours = np.ascontiguousarray(rgba[..., :3])
    lay(colours, on_it, car.quad)
    rgba[..., :3] = colours
    return rgba


# --- what moves ---------------------------------------------------------------------------------------------------


class Canvas:
    """Something drawn four times as large as it is shown, with transparency; lengths are in px as shown."""

    def __init__(self, width: int, height: int) -> None:
        self.big = np.zeros((4 * height, 4 * width, 4), np.uint8)
        self.size = (width, height)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, turn: float = 0) -> None:
        axes = (max(1, round(4 * rx)), max(1, round(4 * ry)))
        ink = [*(float(c) for c in colour), 255.0]
        cv2.ellipse(self.big, (round(4 * x), round(4 * y)), axes, turn, 0, 360, ink, -1, cv2.LINE_AA)

    def shape(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        ink = [*(float(c) for c in colour), 255.0]
        cv2.fillPoly(self.big, [np.round(np.array(points) * 4).astype(np.int32)], ink, cv2.LINE_AA)

    def limb(self, a: tuple[float, float], b: tuple[float, float], thick: float, colour: Colour) -> None:
        ink = [*(float(c) for c in colour), 255.0]
        ends = [tuple(round(4 * v) for v in p) for p in (a, b)]
        cv2.line(self.big, ends[0], ends[1], ink, max(1, round(4 * thick)), cv2.LINE_AA)

    def shown(self) -> Pixels:
        return cv2.resize(self.big, self.size, interpolation=cv2.INTER_AREA)


def head(c: Canvas, cx: float, cy: float, u: float, rng: np.random.Generator, hair_colour: Colour) -> None:
    """A face seen from the front; ``u``: half its height."""
    skin = np.array([1.0, 0.80, 0.68]) * rng.uniform(190, 236)
    hair = np.asarray(hair_colour, np.float64)
    wide = rng.uniform(0.72, 0.82)

    def oval(x: float, y: float, rx: float, ry: float, colour: Colour, turn: float = 0) -> None:
        c.oval(cx + x * u, cy + y * u, rx * u, ry * u, np.clip(colour, 0, 255), turn)

    oval(0, 0.95, 0.36, 0.6, skin * 0.8)
    oval(0, -0.22, wide * 1.14, 1.08, hair)
    for s in (-1, 1):
        oval(s * wide, 0.05, 0.12, 0.24, skin * 0.9)
    oval(0, 0.05, wide, 1.0, skin)
    oval(0, -0.82, wide * 0.86, 0.26, hair)
    apart, at = rng.uniform(0.30, 0.36), rng.uniform(-0.18, -0.1)
    for s in (-1, 1):
        oval(s * apart, at, 0.19, 0.12, skin * 0.8)
        oval(s * apart, at, 0.14, 0.075, (228, 226, 222))
        oval(s * apart, at, 0.07, 0.07, (50, 36, 28))
        oval(s * apart, at - 0.2, 0.19, 0.045, hair * 0.8, s * 8)
    oval(0.03, 0.16, 0.06, 0.24, skin * 1.07)
    oval(0, 0.36, 0.13, 0.05, skin * 0.72)
    oval(0, 0.58, rng.uniform(0.24, 0.32), 0.07, (168, 76, 76))
    oval(0, 0.56, 0.2, 0.02, (110, 40, 44))


def person(u: float, step: float, seed: int) -> Pixels:
    """Somebody who walks towards the camera, RGBA; ``u``: half a face's height, ``step``: phase of the walk."""
    rng = np.random.default_rng(seed)
    coat = np.array([[60, 72, 110], [128, 52, 50], [66, 92, 74], [150, 126, 90], [84, 80, 88]][int(rng.integers(5))])
    legs = np.array([[44, 46, 56], [70, 76, 92], [60, 52, 46]][int(rng.integers(3))])
    hair = np.array([[24, 20, 18], [52, 36, 26], [90, 88, 86]][int(rng.integers(3))])
    width, height = round(6 * u), round(14.6 * u)
    c = Canvas(width, height)
    x, top = width / 2, 1.5 * u
    swing = np.sin(step) * 0.45 * u
    for s in (-1, 1):
        foot = (x + s * 0.6 * u, height - 0.7 * u + s * swing * 0.5)
        c.limb((x + s * 0.55 * u, top + 6.2 * u), foot, 0.95 * u, legs)
        c.oval(foot[0], foot[1] + 0.25 * u, 0.6 * u, 0.3 * u, (30, 28, 28))
        c.limb((x + s * 1.5 * u, top + 1.9 * u), (x + s * 1.75 * u, top + 5.4 * u + s * swing), 0.75 * u, coat * 0.85)
        c.oval(x + s * 1.75 * u, top + 5.7 * u + s * swing, 0.32 * u, 0.36 * u, (206, 164, 140))
    c.shape(
        [
            (x - 1.75 * u, top + 1.9 * u),
            (x - 0.6 * u, top + 1.1 * u),
            (x + 0.6 * u, top + 1.1 * u),
            (x + 1.75 * u, top + 1.9 * u),
            (x + 1.25 * u, top + 6.6 * u),
            (x - 1.25 * u, top + 6.6 * u),
        ],
        coat,
    )
    c.limb((x, top + 1.4 * u), (x, top + 6.4 * u), 0.08 * u, coat * 0.6)
    head(c, x, top, u, rng, hair)
    return c.shown()


def stand(picture: Pixels, rgba: Pixels, x: float, foot: float) -> None:
    """Lays a figure or a vehicle on the ground, centred at ``x``."""
    h, w = rgba.shape[:2]
    cv2.ellipse(picture, (round(x), round(foot - 2)), (round(w * 0.4), 7), 0, 0, 360, (70, 70, 72), -1, cv2.LINE_AA)
    lay(picture, rgba, corners(x - w / 2, foot - h, x + w / 2, foot))


def frames() -> Iterator[Pixels]:
    """The clip's frames, RGB (H, W, 3): three people walk, two vehicles drive and one stands."""
    rng = np.random.default_rng(12)
    empty = background(rng)
    blue, green = (18, 66, 168), (92, 190, 130)
    cars = [
        vehicle("rear", 11, plate("渝A00000", blue, WHITE, rng)),
        vehicle("front", 23, plate("渝B00000", blue, WHITE, rng)),
        vehicle("rear", 7, plate("渝D00000", green, BLACK, rng)),
    ]
    for i in range(FRAMES):
        t = i / RATE
        picture = empty.copy()
        stand(picture, person(21, 6 * t, 3), 545 + 24 * t, 462)
        stand(picture, person(22, 6 * t + 1, 8), 840 - 30 * t, 476)
        stand(picture, cv2.resize(cars[2], (290, 205), interpolation=cv2.INTER_AREA), 700 - 24 * t, 560)
        stand(picture, cv2.resize(cars[0], (400, 283), interpolation=cv2.INTER_AREA), 215, 640)
        stand(picture, cv2.resize(cars[1], (420, 297), interpolation=cv2.INTER_AREA), 1000 + 20 * t, 680)
        stand(picture, person(33, 6 * t + 2, 21), 470 + 44 * t, 706)
        yield picture


def write_clip(file: Path) -> None:
    """Writes the clip as H.264."""
    with av.open(str(file), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        for pixels in frames():
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))


def frame_of(file: Path, number: int) -> Pixels:
    with av.open(str(file)) as container:
        for n, frame in enumerate(container.decode(video=0)):
            if n == number:
                return frame.to_ndarray(format="rgb24")
    sys.exit(f"{file} has no frame {number}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws docs/images/before-after.png.")
    parser.add_argument("--keep", type=Path, help="a folder in which the clip and its release are left")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "before-after.png")
    args = parser.parse_args()
    try:
        fonts.group("chinese")
    except fonts.NoFontError as e:
        sys.exit(str(e))
    with tempfile.TemporaryDirectory(prefix="redact-pictures-") as name:
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        clip, release = folder / "street.mp4", folder / "street.redacted.mp4"
        write_clip(clip)
        outcome = redact.run(clip, release, force=True)
        before, after = frame_of(clip, SHOWN), frame_of(release, SHOWN)
    gap = np.full((H, 16, 3), 255, np.uint8)
    both = Image.fromarray(np.hstack([before, gap, after]))
    both = both.resize((both.width // 2, both.height // 2), Image.Resampling.LANCZOS)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    both.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(args.output, optimize=True)
    size = args.output.stat().st_size
    sys.stdout.write(f"{args.output}: {size / 1000:.0f} kB; found {outcome.tracks}\n")


if __name__ == "__main__":
    main()
