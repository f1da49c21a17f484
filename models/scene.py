"""A training canvas while things are put on it: warped in perspective, lit, softened, blended, and labelled.

Labels come from the warped corners, and at the end an object that was covered by later ones loses its label.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from bank import Sprite, corners

Rng = np.random.Generator
STRIDE = 4  # px; of the grid of ``Scene.known``
COVERED = 0.5  # an object covered by more than this share is no object any more
TOUCH = 0.15  # a place is free if what new and labelled objects share is at most this part of the smaller


@dataclass
class Scene:
    """A canvas while things are put on it.

    ``image`` SxSx3 RGB uint8, changed in place; ``known`` as in ``compose.Canvas``; ``boxes`` of 4 float xyxy px
    and ``labels``, in the order of pasting; ``turn[i]``: how many things had been pasted when object i came;
    ``over`` SxS int16: the number of the last thing pasted there, 0 where there was none.
    """

    image: np.ndarray
    known: np.ndarray
    boxes: list[np.ndarray]
    labels: list[int]
    turn: list[int] = field(default_factory=list)
    over: np.ndarray = field(init=False)
    pasted: int = 0

    def __post_init__(self) -> None:
        self.turn = [0] * len(self.boxes)
        self.over = np.zeros(self.image.shape[:2], np.int16)

    @property
    def size(self) -> int:
        return int(self.image.shape[0])

    def add(self, box: np.ndarray, label: int) -> None:
        self.boxes.append(box)
        self.labels.append(label)
        self.turn.append(self.pasted)

    def is_free(self, box: np.ndarray) -> bool:
        """Whether something pasted onto ``box`` stands beside the labelled objects, not on them."""
        if not self.boxes:
            return True
        b = np.stack(self.boxes)
        w = np.minimum(b[:, 2], box[2]) - np.maximum(b[:, 0], box[0])
        h = np.minimum(b[:, 3], box[3]) - np.maximum(b[:, 1], box[1])
        own = float((box[2] - box[0]) * (box[3] - box[1]))
        area = np.minimum((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]), own).clip(1)
        return bool((w.clip(0) * h.clip(0) / area <= TOUCH).all())

    def is_grey(self, x1: int, y1: int, x2: int, y2: int) -> bool:
        """Whether the picture around a place has no colour: nothing coloured belongs there. px; a margin is added."""
        part = self.image[max(0, y1 - 40) : y2 + 40 : 6, max(0, x1 - 40) : x2 + 40 : 6]
        return bool((part.max(2) - part.min(2)).mean() < 2)

    def level(self, box: np.ndarray) -> np.ndarray:
        """The mean colour around ``box``, 3 float32; mid-grey for a place off the canvas."""
        x1, y1, x2, y2 = (int(v) for v in box.clip(0, self.size))
        part = self.image[y1 : max(y2, y1 + 1) : 3, x1 : max(x2, x1 + 1) : 3]
        return part.reshape(-1, 3).mean(0) if part.size else np.full(3, 110.0)


def pose(aspect: float, yaw: float, pitch: float, roll: float, near: float) -> np.ndarray:
    """The corners of a turned rectangle as a camera sees them, 4x2, about (0, 0), one unit wide on the image.

    ``aspect`` is width over height; angles in degrees; ``near`` is the camera's distance in widths.
    """
    a, b, c = np.radians([yaw, pitch, roll])
    p = corners(-0.5, -0.5 / aspect, 0.5, 0.5 / aspect).astype(np.float64)
    x, y = p[:, 0] * np.cos(a), p[:, 1] * np.cos(b)
    z = p[:, 0] * np.sin(a) + p[:, 1] * np.sin(b)
    x, y = x / (1 + z / near), y / (1 + z / near)
    x, y = x * np.cos(c) - y * np.sin(c), x * np.sin(c) + y * np.cos(c)
    out = np.stack([x - (x.max() + x.min()) / 2, y - (y.max() + y.min()) / 2], 1)
    return out / (x.max() - x.min())


def around(points: np.ndarray) -> np.ndarray:
    """The axis-aligned box around points, xyxy float32."""
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)


def carry(points: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Points Nx2 through a homography."""
    return cv2.perspectiveTransform(points.reshape(1, -1, 2).astype(np.float64), h)[0]


def homography(rgba: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """Maps the pixels of a sprite onto ``quad`` (4x2, clockwise from the top left) of the canvas."""
    h, w = rgba.shape[:2]
    return cv2.getPerspectiveTransform(corners(0, 0, w, h), quad.astype(np.float32)).astype(np.float64)


def lay(
    scene: Scene, rgba: np.ndarray, quad: np.ndarray, gain: np.ndarray, soft: float = 0.0, coarse: float = 1.0
) -> bool:
    """Warps a sprite onto ``quad`` and blends it in; returns whether any of it is on the canvas.

    ``gain``: factor for each colour; ``soft``: sigma of a blur, px; ``coarse`` < 1: drawn at that share of its
    size and enlarged, as a far camera's zoom does.
    """
    s = scene.size
    margin = 2 + round(2 * soft)
    x1, y1 = np.floor(quad.min(0)).astype(int) - margin
    x2, y2 = np.ceil(quad.max(0)).astype(int) + margin
    cx1, cy1, cx2, cy2 = max(0, x1), max(0, y1), min(s, x2), min(s, y2)
    if cx2 - cx1 < 2 or cy2 - cy1 < 2:
        return False
    h, w = rgba.shape[:2]
    across = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3])) * coarse
    down = max(np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1])) * coarse
    nw, nh = min(w, max(3, round(float(across)))), min(h, max(3, round(float(down))))
    small = cv2.resize(rgba, (nw, nh), interpolation=cv2.INTER_AREA).astype(np.float32) if (nw, nh) != (w, h) else rgba
    small = small.astype(np.float32)
    if scene.is_grey(cx1, cy1, cx2, cy2):
        small[..., :3] = small[..., :3] @ np.array([[0.299], [0.587], [0.114]], np.float32)
    alpha = small[..., 3:] / 255
    premultiplied = np.dstack([small[..., :3] * gain * alpha, alpha]).astype(np.float32)
    # Pixel centres: OpenCV's warp puts them at whole numbers, the quads' corners are pixel edges.
    m = homography(small, quad - (cx1, cy1))
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    m = np.linalg.inv(half) @ m @ half
    warped = cv2.warpPerspective(premultiplied, m, (cx2 - cx1, cy2 - cy1), flags=cv2.INTER_LINEAR)
    if soft > 0.2:
        warped = cv2.GaussianBlur(warped, (0, 0), soft)
    part = scene.image[cy1:cy2, cx1:cx2]
    a = warped[..., 3:]
    part[:] = (part * (1 - a) + warped[..., :3]).clip(0, 255).astype(np.uint8)
    scene.pasted += 1
    scene.over[cy1:cy2, cx1:cx2][warped[..., 3] > 0.5] = scene.pasted
    return True


def softness(width: float, rng: Rng) -> tuple[float, float]:
    """(sigma of blur, share of size) for something ``width`` px across: mostly sharp, at times badly out of focus."""
    soft = float(rng.exponential(0.35)) * min(1.6, 0.5 + width / 60)
    coarse = float(rng.uniform(0.4, 0.9)) if rng.random() < 0.2 else 1.0
    return min(soft, 0.05 * width + 0.3), coarse


MOST_YAW = 78.0  # degrees; a plate is a fifth as wide then, and people still read it


def angles(rng: Rng) -> tuple[float, float, float, float]:
    """(yaw, pitch, roll in degrees, distance in widths): mostly a little from above, at times nearly edge-on."""
    how = rng.random()
    if how < 0.72:
        yaw = float(np.clip(rng.normal(0, 18), -MOST_YAW, MOST_YAW))
    elif how < 0.88:
        yaw = float(rng.uniform(-60, 60))
    else:
        yaw = float(rng.uniform(60, MOST_YAW) * rng.choice((-1, 1)))
    return yaw, float(rng.normal(12, 12)), float(rng.normal(0, 5)), float(rng.uniform(3, 12))


def narrowed(width: float, yaw: float) -> float:
    """The width to draw at: of what is turned by more than 60 degrees less is seen, or it would be a giant."""
    return width * min(1.0, 2 * float(np.cos(np.radians(yaw))))


def label_of(quad: np.ndarray, size: int) -> np.ndarray | None:
    """The box around a plate or face on the canvas; None where too little of it is left."""
    whole = around(quad)
    box = whole.clip(0, size)
    w, h = box[2:] - box[:2]
    full = (whole[2] - whole[0]) * (whole[3] - whole[1])
    return box if min(w, h) >= 4 and w * h >= 0.6 * full else None


def put(scene: Scene, s: Sprite, quad: np.ndarray, label: int, gain: np.ndarray, rng: Rng) -> bool:
    """Lays a plate or a person and labels it by the corners of ``s.quad``; False where it would be cut off."""
    box = label_of(carry(s.quad, homography(s.image, quad)), scene.size)
    if box is None:
        return False
    soft, coarse = softness(float(box[2] - box[0]), rng)
    if not lay(scene, s.image, quad, gain, soft, coarse):
        return False
    scene.add(box, label)
    return True


def erase(image: np.ndarray, box: np.ndarray) -> None:
    """Covers a box with what stands above and below it, blended from one to the other."""
    s = image.shape[0]
    x1, y1, x2, y2 = int(box[0]) - 1, int(box[1]) - 1, int(np.ceil(box[2])) + 1, int(np.ceil(box[3])) + 1
    x1, y1, x2, y2 = max(0, x1), max(0, y1), min(s, x2), min(s, y2)
    if x2 <= x1 or y2 <= y1:
        return
    top = image[max(0, y1 - 3) : max(1, y1), x1:x2].mean(0)
    low = image[min(s - 1, y2) : min(s, y2 + 3), x1:x2].mean(0)
    t = np.linspace(0, 1, y2 - y1)[:, None, None]
    image[y1:y2, x1:x2] = cv2.blur(np.ascontiguousarray(top * (1 - t) + low * t), (5, 3)).astype(np.uint8)


def overlaps(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


def settle(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Drops what was covered by later things; returns (boxes Nx4 float32, labels N int64).

    What stays half visible under something is neither object nor background.
    """
    k = scene.known.shape[1]
    # What was pasted is known all through, also where the image below was not fully labelled.
    pasted = (scene.over[: k * STRIDE, : k * STRIDE] > 0).reshape(k, STRIDE, k, STRIDE).all((1, 3))
    scene.known |= pasted
    keep = []
    for i, (box, label) in enumerate(zip(scene.boxes, scene.labels, strict=True)):
        x1, y1, x2, y2 = int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
        part = scene.over[y1:y2, x1:x2]
        covered = float((part > scene.turn[i]).mean()) if part.size else 0.0
        if covered <= COVERED:
            keep.append(i)
        elif covered < 0.95:
            g = [v // STRIDE for v in (x1, y1, x2, y2)]
            scene.known[label, g[1] : g[3] + 1, g[0] : g[2] + 1] = False
    boxes = np.array([scene.boxes[i] for i in keep], np.float32).reshape(-1, 4)
    return boxes, np.array([scene.labels[i] for i in keep], np.int64)
