"""Training canvases: real images shrunk, cropped and tiled so that small objects are common.

A security camera sees a face at 10 to 40 px; the labelled images mostly show it larger. So a
canvas is a grid of 1 to 5 x 1 to 5 cells, each filled with another image at another scale, and
then degraded as cameras degrade (compression, blur, noise, darkness, infrared-like greyscale).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from pack import Example, Pack

MIN_SIDE = 4.0  # px on the canvas; a smaller box is neither object nor background
MIN_VISIBLE = 0.4  # share of a box that must remain in its cell for it to stay an object
MASK_STRIDE = 4  # px; the grid on which "this class is labelled here" is kept


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
) -> tuple[np.ndarray, np.ndarray]:
    """Draws ``e`` into ``cell`` (x1, y1, x2, y2 of the canvas) at a random scale; returns its boxes there."""
    cx1, cy1, cx2, cy2 = cell
    cw, ch = cx2 - cx1, cy2 - cy1
    h, w = e.image.shape[:2]
    cover = max(cw / w, ch / h)
    # Log-uniform around "the image just covers its cell": out to half of it in either direction.
    scale = cover * float(np.exp(rng.uniform(np.log(0.75), np.log(2.0))))
    aspect = float(np.exp(rng.uniform(-0.15, 0.15)))
    nw, nh = max(8, round(w * scale * aspect)), max(8, round(h * scale / aspect))
    small = cv2.resize(e.image, (nw, nh), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes = e.boxes * np.array([nw / w, nh / h] * 2, np.float32)
    labels = e.labels
    if rng.random() < 0.5:
        small = small[:, ::-1]
        boxes = boxes[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32) + np.array([nw, 0, nw, 0], np.float32)
    # Where a crop is needed, it is centred on an object four times out of five.
    if len(boxes) and rng.random() < 0.8:
        b = boxes[rng.integers(len(boxes))]
        ax = (b[0] + b[2]) / 2 - rng.uniform(0.1, 0.9) * cw
        ay = (b[1] + b[3]) / 2 - rng.uniform(0.1, 0.9) * ch
    else:
        ax, ay = rng.uniform(0, max(nw - cw, 0) + 1e-6), rng.uniform(0, max(nh - ch, 0) + 1e-6)
    x0, y0 = int(np.clip(ax, 0, max(nw - cw, 0))), int(np.clip(ay, 0, max(nh - ch, 0)))
    piece = small[y0 : y0 + ch, x0 : x0 + cw]
    ph, pw = piece.shape[:2]
    dx, dy = cx1 + int(rng.integers(0, cw - pw + 1)), cy1 + int(rng.integers(0, ch - ph + 1))
    canvas[dy : dy + ph, dx : dx + pw] = piece
    for c in range(2):
        if not e.labelled[c]:
            known[
                c, dy // MASK_STRIDE : -(-(dy + ph) // MASK_STRIDE), dx // MASK_STRIDE : -(-(dx + pw) // MASK_STRIDE)
            ] = False
    if not len(boxes):
        return boxes, labels
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    boxes = boxes - np.array([x0, y0] * 2, np.float32)
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, pw)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, ph)
    side = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    left = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    boxes = boxes + np.array([dx, dy] * 2, np.float32)
    keep = (side >= MIN_SIDE) & (left >= MIN_VISIBLE * area)
    for b, c in zip(boxes[~keep & (left > 0)], labels[~keep & (left > 0)], strict=True):
        x1, y1, x2, y2 = (int(v) // MASK_STRIDE for v in b)
        known[int(c), y1 : y2 + 1, x1 : x2 + 1] = False
    return boxes[keep], labels[keep]


def compose(packs: list[Pack], weights: np.ndarray, size: int, rng: np.random.Generator) -> Canvas:
    """Builds one training canvas of ``size`` x ``size`` px from images drawn by pack ``weights``."""
    canvas = np.full((size, size, 3), int(rng.integers(0, 256)), np.uint8)
    known = np.ones((2, size // MASK_STRIDE, size // MASK_STRIDE), bool)
    columns = int(rng.choice([1, 2, 3, 4, 5], p=[0.30, 0.32, 0.22, 0.11, 0.05]))
    rows = max(1, columns + int(rng.integers(-1, 2)))

    def cuts(n: int) -> list[int]:
        step = size / n
        inner = [round(step * (i + rng.uniform(-0.25, 0.25))) for i in range(1, n)]
        return [0, *inner, size]

    all_boxes, all_labels = [], []
    xs, ys = cuts(columns), cuts(rows)
    for y1, y2 in itertools.pairwise(ys):
        for x1, x2 in itertools.pairwise(xs):
            pack = packs[int(rng.choice(len(packs), p=weights))]
            b, c = place(canvas, known, pack[int(rng.integers(len(pack)))], (x1, y1, x2, y2), rng)
            all_boxes.append(b)
            all_labels.append(c)
    boxes, labels = np.concatenate(all_boxes), np.concatenate(all_labels)
    if rng.random() < 0.2:
        canvas, boxes, known = rotate(canvas, boxes, known, float(rng.uniform(-8, 8)))
    return Canvas(degrade(canvas, rng), boxes, labels, known)


def rotate(
    image: np.ndarray, boxes: np.ndarray, known: np.ndarray, degrees: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turns the canvas about its centre; a box becomes the box around its turned inscribed ellipse."""
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
    # Half extents of an ellipse (a, b) turned by t: sqrt((a cos t)^2 + (b sin t)^2) and its twin.
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turned = np.stack([np.hypot(half[:, 0] * cos, half[:, 1] * sin), np.hypot(half[:, 0] * sin, half[:, 1] * cos)], 1)
    out = np.concatenate([centre - turned, centre + turned], 1).clip(0, s).astype(np.float32)
    # A box pushed off the canvas keeps its row with no area; the loss ignores it.
    return image, out, known


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What optics, night, sensors and codecs do to a picture. RGB uint8 in and out."""
    size = image.shape[0]
    if rng.random() < 0.7:  # colour and light
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + int(rng.integers(-6, 7))) % 180
        hsv[..., 1] = (hsv[..., 1] * rng.uniform(0.4, 1.5)).clip(0, 255)
        hsv[..., 2] = (hsv[..., 2] * rng.uniform(0.6, 1.35)).clip(0, 255)
        image = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    if rng.random() < 0.25:  # night: gamma; infrared: grey with lifted skin
        curve = (np.arange(256) / 255.0) ** rng.uniform(0.5, 2.4) * 255
        image = curve.astype(np.uint8)[image]
    if rng.random() < 0.18:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
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
    if rng.random() < 0.45:
        q = int(rng.integers(22, 92))
        _ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, q])
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image
