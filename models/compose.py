"""Training canvases: real images shrunk, cropped and tiled so that small objects are common.

A security camera sees a face at 10 to 40 px; the labelled images mostly show it larger. So a
canvas is a grid of 1 to 5 x 1 to 5 cells, each filled with another image at another scale, and
then degraded as cameras degrade (compression, blur, noise, darkness, infrared-like greyscale).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from bank import Bank
from overlay import enrich
from pack import Example, Pack

MIN_SIDE = 4.0  # px on the canvas; a smaller box is neither object nor background
MIN_VISIBLE = 0.4  # share of a box that must remain in its cell for it to stay an object
MIN_CONTRAST = 3.0  # grey levels, standard deviation; below it nothing can be seen of an object
MASK_STRIDE = 4  # px; the grid on which "this class is labelled here" is kept
CENTRED, MISTAKE = 0.8, 0.2  # of the crops: on something; of all crops: on a mistake, where the picture has one
FORESHORTENED = 0.15  # of the pictures with plates: squeezed to a third to two thirds of their width, as seen edge-on
FACE, PLATE = 0, 1  # classes


@dataclass(frozen=True)
class Canvas:
    """``image`` SxSx3 RGB uint8; ``boxes`` Nx4 xyxy px; ``labels`` N; ``known`` 2x(S/4)x(S/4) bool.

    ``known[c]`` is False where an object of class c may stand without a label.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    known: np.ndarray


def place(
    canvas: np.ndarray, known: np.ndarray, e: Example, cell: tuple[int, int, int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws ``e`` into ``cell`` (x1, y1, x2, y2 of the canvas) at a random scale.

    Returns its boxes there, their labels, and which of them are whole (not cut off by the cell).
    """
    cx1, cy1, cx2, cy2 = cell
    cw, ch = cx2 - cx1, cy2 - cy1
    h, w = e.image.shape[:2]
    cover = max(cw / w, ch / h)
    # Log-uniform around "the image just covers its cell": out to half of it in either direction.
    scale = cover * float(np.exp(rng.uniform(np.log(0.75), np.log(2.0))))
    aspect = float(np.exp(rng.uniform(-0.15, 0.15)))
    if rng.random() < FORESHORTENED and (e.labels == PLATE).any():
        aspect = float(np.exp(rng.uniform(-0.6, -0.2)))
    kx, ky = scale * aspect, scale / aspect
    # Only the part that fits is resized: (sw, sh) px of the image become (pw, ph) px of the cell.
    sw, sh = min(w, max(1, int(cw / kx))), min(h, max(1, int(ch / ky)))
    pw, ph = min(cw, max(8, round(sw * kx))), min(ch, max(8, round(sh * ky)))
    # Where a crop is needed, it is centred on an object more often than not, and at times on what was taken for one.
    draw = rng.random()
    centres = e.hard if draw < MISTAKE and len(e.hard) else e.boxes if draw < CENTRED else ()
    if len(centres):
        b = centres[rng.integers(len(centres))]
        ax = (b[0] + b[2]) / 2 - rng.uniform(0.1, 0.9) * sw
        ay = (b[1] + b[3]) / 2 - rng.uniform(0.1, 0.9) * sh
    else:
        ax, ay = rng.uniform(0, w - sw + 1e-6), rng.uniform(0, h - sh + 1e-6)
    x0, y0 = int(np.clip(ax, 0, w - sw)), int(np.clip(ay, 0, h - sh))
    source = e.image[y0 : y0 + sh, x0 : x0 + sw]
    piece = cv2.resize(source, (pw, ph), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    mirrored = rng.random() < 0.5
    if mirrored:
        piece = piece[:, ::-1]

    def placed(b: np.ndarray) -> np.ndarray:
        """Boxes of the image in pixels of the piece."""
        b = (b - np.array([x0, y0] * 2, np.float32)) * np.array([pw / sw, ph / sh] * 2, np.float32)
        if mirrored:
            b = b[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32) + np.array([pw, 0, pw, 0], np.float32)
        return b

    boxes, labels = placed(e.boxes), e.labels
    dx, dy = cx1 + int(rng.integers(0, cw - pw + 1)), cy1 + int(rng.integers(0, ch - ph + 1))
    canvas[dy : dy + ph, dx : dx + pw] = piece
    for c in range(2):
        if not e.labelled[c]:
            known[
                c, dy // MASK_STRIDE : -(-(dy + ph) // MASK_STRIDE), dx // MASK_STRIDE : -(-(dx + pw) // MASK_STRIDE)
            ] = False
        doubts = placed(e.doubts[c]).clip(0, (pw, ph, pw, ph))
        for b in doubts[(doubts[:, :2] < doubts[:, 2:]).all(1)] + np.array([dx, dy] * 2, np.float32):
            forget(known, c, b)
    if not len(boxes):
        return boxes, labels, np.zeros(0, bool)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    boxes = boxes.copy()
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, pw)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, ph)
    side = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    left = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    boxes = boxes + np.array([dx, dy] * 2, np.float32)
    keep = (side >= MIN_SIDE) & (left >= MIN_VISIBLE * area)
    for b, c in zip(boxes[~keep & (left > 0)], labels[~keep & (left > 0)], strict=True):
        forget(known, int(c), b)
    return boxes[keep], labels[keep], (left >= 0.99 * area)[keep]


def forget(known: np.ndarray, c: int, box: np.ndarray) -> None:
    """Says of ``box`` (xyxy px of the canvas) that an object of class ``c`` may be there."""
    x1, y1, x2, y2 = (int(v) // MASK_STRIDE for v in box)
    known[c, y1 : y2 + 1, x1 : x2 + 1] = False


def compose(
    packs: list[Pack], weights: np.ndarray, size: int, rng: np.random.Generator, bank: Bank | None = None
) -> Canvas:
    """Builds one training canvas of ``size`` x ``size`` px from images drawn by pack ``weights``.

    With a ``bank``, drawn plates, vehicles, people and signs are put onto it.
    """
    canvas = np.full((size, size, 3), int(rng.integers(0, 256)), np.uint8)
    known = np.ones((2, size // MASK_STRIDE, size // MASK_STRIDE), bool)
    columns = int(rng.choice([1, 2, 3, 4, 5], p=[0.30, 0.32, 0.22, 0.11, 0.05]))
    rows = max(1, columns + int(rng.integers(-1, 2)))

    def cuts(n: int) -> list[int]:
        step = size / n
        inner = [round(step * (i + rng.uniform(-0.25, 0.25))) for i in range(1, n)]
        return [0, *inner, size]

    all_boxes, all_labels, all_whole = [], [], []
    xs, ys = cuts(columns), cuts(rows)
    for y1, y2 in itertools.pairwise(ys):
        for x1, x2 in itertools.pairwise(xs):
            pack = packs[int(rng.choice(len(packs), p=weights))]
            b, c, whole = place(canvas, known, pack[int(rng.integers(len(pack)))], (x1, y1, x2, y2), rng)
            all_boxes.append(b)
            all_labels.append(c)
            all_whole.append(whole)
    boxes, labels = np.concatenate(all_boxes), np.concatenate(all_labels)
    if bank:
        boxes, labels = enrich(canvas, known, boxes, labels, np.concatenate(all_whole), bank, rng)
    warp = rng.random()
    if warp < 0.2:
        # Most cameras hang nearly level; those on a chest or a handlebar lean.
        lean = 8 if warp < 0.14 else 35
        canvas, boxes, known = rotate(canvas, boxes, labels, known, float(rng.uniform(-lean, lean)))
    elif warp < 0.26:
        canvas, boxes, known = fisheye(canvas, boxes, known, int(rng.integers(1, 6)) * 0.06)
    image = degrade(canvas, rng)
    seen = visible(image, boxes)
    for b, c in zip(boxes[~seen], labels[~seen], strict=True):
        forget(known, int(c), b)
    return Canvas(image, boxes[seen], labels[seen], known)


def visible(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which boxes still show something: darkness and blur can leave an even patch, which is no object to learn."""
    seen = np.zeros(len(boxes), bool)
    for i, (x1, y1, x2, y2) in enumerate(boxes):
        part = image[int(y1) : int(np.ceil(y2)) : 2, int(x1) : int(np.ceil(x2)) : 2, 1]
        seen[i] = part.size > 0 and float(part.std()) >= MIN_CONTRAST
    return seen


def rotate(
    image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, known: np.ndarray, degrees: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turns the canvas about its centre.

    A face's box becomes the box around its turned inscribed ellipse, a plate's the one around its turned corners.
    """
    s = image.shape[0]
    m = cv2.getRotationMatrix2D((s / 2, s / 2), degrees, 1.0)
    image = cv2.warpAffine(image, m, (s, s), borderMode=cv2.BORDER_CONSTANT, borderValue=(114, 114, 114))
    k = known.shape[1]
    mk = cv2.getRotationMatrix2D((k / 2, k / 2), degrees, 1.0)
    known = np.stack([cv2.warpAffine(p.astype(np.uint8), mk, (k, k), borderValue=1) > 0 for p in known])
    if not len(boxes):
        return image, boxes, known
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    centre = centre @ m[:, :2].T + m[:, 2]
    # Half extents of an ellipse (a, b) turned by t: sqrt((a cos t)^2 + (b sin t)^2) and its twin; of a rectangle the
    # plain sums.
    cos, sin = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
    across = half[:, [0]] * (cos, sin), half[:, [1]] * (sin, cos)
    turned = np.where(labels[:, None] == FACE, np.hypot(*across), across[0] + across[1])
    out = np.concatenate([centre - turned, centre + turned], 1).clip(0, s).astype(np.float32)
    # A box pushed off the canvas keeps its row with no area; the loss ignores it.
    return image, out, known


@lru_cache(maxsize=16)
def lens(size: int, strength: float) -> np.ndarray:
    """For each pixel of a fisheye picture, where it comes from: size x size x 2 float32.

    r_source = r (1 + k r^2) / (1 + k), r = 1 at the middle of an edge: barrel distortion, the edges' middles stay.
    """
    c = size / 2
    y, x = (np.mgrid[0:size, 0:size].astype(np.float32) + 0.5 - c) / c
    factor = (1 + strength * (x * x + y * y)) / (1 + strength)
    return np.stack([x * factor, y * factor], -1).astype(np.float32) * c + c - 0.5


def fisheye(
    image: np.ndarray, boxes: np.ndarray, known: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bends the canvas as a wide lens does; a box becomes the box around its bent inscribed ellipse."""
    s, k = image.shape[0], known.shape[1]
    grey = (114, 114, 114)
    image = cv2.remap(
        image, lens(s, strength), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=grey
    )
    small = lens(k, strength)
    known = np.stack([cv2.remap(p.astype(np.uint8), small, None, cv2.INTER_NEAREST, borderValue=1) > 0 for p in known])
    if not len(boxes):
        return image, boxes, known
    c = s / 2
    a = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    points = (centre[:, None] + half[:, None] * np.stack([np.cos(a), np.sin(a)], -1) - c) / c
    # The inverse of the lens along a radius, from a table: the cubic grows with r.
    r = np.linspace(0, 2, 512)
    out = np.interp(np.linalg.norm(points, axis=-1), r * (1 + strength * r * r) / (1 + strength), r)
    points = points * (out / np.maximum(np.linalg.norm(points, axis=-1), 1e-9))[..., None] * c + c
    bent = np.concatenate([points.min(1), points.max(1)], 1).clip(0, s).astype(np.float32)
    return image, bent, known


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What optics, night, sensors and codecs do to a picture. RGB uint8 in and out."""
    size = image.shape[0]
    if rng.random() < 0.7:  # colour and light
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + int(rng.integers(-6, 7))) % 180
        hsv[..., 1] = (hsv[..., 1] * rng.uniform(0.4, 1.5)).clip(0, 255)
        hsv[..., 2] = (hsv[..., 2] * rng.uniform(0.6, 1.35)).clip(0, 255)
        image = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    if rng.random() < 0.25:  # night or haze
        # A picture that is dark already is left so: nobody could find anything in what would remain.
        most = 2.4 if image[::8, ::8].mean() > 70 else 1.0
        curve = (np.arange(256) / 255.0) ** rng.uniform(0.5, most) * 255
        image = curve.astype(np.uint8)[image]
    if rng.random() < 0.18:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if rng.random() < 0.5:  # infrared lamp: bright in the middle, dark around, flat in between
            grey = infrared(grey, rng)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.15:  # a far camera's picture, enlarged
        f = rng.uniform(0.4, 0.85)
        small = cv2.resize(image, (int(size * f), int(size * f)), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.18:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.4)))
    if rng.random() < 0.10:  # motion
        n = int(rng.integers(3, 8))
        kernel = np.zeros((n, n), np.float32)
        a = rng.uniform(0, np.pi)
        for t in np.linspace(-1, 1, 2 * n):
            y, x = (n - 1) / 2 * (1 + t * np.sin(a)), (n - 1) / 2 * (1 + t * np.cos(a))
            kernel[round(y), round(x)] = 1
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    if rng.random() < 0.18:
        noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(2, 14)
        image = (image + noise).clip(0, 255).astype(np.uint8)
    codec = rng.random()
    if codec < 0.4:
        image = jpeg(image, int(rng.integers(22, 92)))
    elif codec < 0.5:  # a starved video stream: coarse blocks, larger than JPEG's own
        n = int(size * rng.uniform(0.55, 0.9))
        small = jpeg(cv2.resize(image, (n, n), interpolation=cv2.INTER_AREA), int(rng.integers(12, 40)))
        image = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    return image


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Through JPEG and back. RGB in, RGB out: both calls take the channels in the same order."""
    _ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def infrared(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A grey picture as under a camera's own infrared lamp. HxW uint8 in and out."""
    h, w = grey.shape
    x = (np.arange(w, dtype=np.float32) / w - rng.uniform(0.3, 0.7)) ** 2
    y = (np.arange(h, dtype=np.float32) / h - rng.uniform(0.3, 0.8)) ** 2
    spot = np.exp(-(x[None] + y[:, None]) / float(rng.uniform(0.08, 0.5)))
    lit = cv2.multiply(grey, (0.3 + spot) * float(rng.uniform(0.7, 1.1)), dtype=cv2.CV_8U)
    return cv2.add(lit, int(rng.integers(0, 25)))
