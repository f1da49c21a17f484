"""Puts sprites of a bank onto a training canvas: other plates in place of real ones, vehicles, far people, signs."""

from __future__ import annotations

import cv2
import numpy as np

from bank import Bank, Sprite, corners
from people import wear
from scene import (
    MOST_YAW,
    Rng,
    Scene,
    angles,
    around,
    carry,
    erase,
    homography,
    label_of,
    lay,
    narrowed,
    overlaps,
    pose,
    put,
    settle,
    softness,
)

FACE, PLATE = 0, 1
# How often a canvas gets each of these.
REPLACE = 0.5  # of the real plates: replaced by a drawn one
BARE = 0.06  # of the real plates: taken away
VEHICLES, LOOSE_PLATES, FEW_PEOPLE, CROWD, SIGNS, NIGHT, WORN = 0.38, 0.20, 0.22, 0.10, 0.40, 0.08, 0.04


# --- plates ----------------------------------------------------------------------------------------------------------


def smear(rgba: np.ndarray, share: float, rng: Rng) -> np.ndarray:
    """Motion blur along the sprite by ``share`` of its width."""
    n = max(3, round(rgba.shape[1] * share)) | 1
    kernel = np.zeros((n, n), np.float32)
    cv2.line(kernel, (0, n // 2 + int(rng.integers(-1, 2))), (n - 1, n // 2), 1.0, 1)
    return cv2.filter2D(rgba, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def night_plate(rgba: np.ndarray, rng: Rng) -> np.ndarray:
    """A plate that throws the light back: nearly all of it white, the characters washed out."""
    k = rng.uniform(0.35, 0.8)
    picture = rgba[..., :3] * np.float32(1 - k) + np.float32(255 * k)
    return np.dstack([picture.astype(np.uint8), rgba[..., 3]])


def plate_sprite(bank: Bank, rng: Rng) -> Sprite:
    s = bank.pick("plate", rng)
    if rng.random() < 0.06:
        s = Sprite(night_plate(s.image, rng), s.quad, s.kind, s.name)
    if rng.random() < 0.08:
        s = Sprite(smear(s.image, float(rng.uniform(0.02, 0.12)), rng), s.quad, s.kind, s.name)
    return s


def replace_plate(scene: Scene, i: int, bank: Bank, rng: Rng) -> None:
    """Draws another plate over the real plate ``i``: where it hung, as wide, turned as its box tells, lit as it was."""
    box = scene.boxes[i]
    w, h = box[2] - box[0], box[3] - box[1]
    part = scene.image[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])]
    if w < 8 or not part.size:
        return
    bright = np.percentile(part.reshape(-1, 3)[::2], 88, axis=0)
    gain = (bright / 232).clip(0.12, 1.15) * rng.uniform(0.9, 1.1)
    erase(scene.image, box)
    # Of three, the one whose shape is nearest to the real one's: less of what was erased stays to be seen.
    offered = [plate_sprite(bank, rng) for _ in range(3)]
    s = min(offered, key=lambda o: abs(np.log(o.image.shape[1] / o.image.shape[0] * h / w)))
    yaw, pitch, roll, near = angles(rng)
    ih, iw = s.image.shape[:2]
    narrow = float(w / h) / (iw / ih)
    if narrow < 0.95:  # a box narrower than the plate's own shape was seen from the side
        turned = np.degrees(np.arccos(narrow))
        yaw = float(min(turned, MOST_YAW) * rng.choice((-1, 1)))
    else:  # any other one from ahead
        yaw = float(np.clip(yaw, -25, 25))
        roll *= 0.5
    quad = pose(iw / ih, yaw, pitch, roll, near)
    # As wide as the real one, but not much higher.
    scale = min(w, 1.35 * h / np.ptp(quad[:, 1])) * rng.uniform(0.92, 1.08)
    quad = quad * scale + (box[:2] + box[2:]) / 2
    new = label_of(carry(s.quad, homography(s.image, quad)), scene.size)
    if new is None:
        new = box
    soft, coarse = softness(float(w), rng)
    if lay(scene, s.image, quad, gain, soft, coarse):
        scene.boxes[i], scene.turn[i] = new, scene.pasted


def vehicle(scene: Scene, bank: Bank, rng: Rng) -> None:
    """Pastes a drawn vehicle, mostly with a plate on it."""
    s = scene.size
    car, p = bank.pick("car", rng), plate_sprite(bank, rng)
    plate_width = float(np.exp(rng.uniform(np.log(16), np.log(110))))
    ih, iw = car.image.shape[:2]
    width = plate_width * iw / float(car.quad[1, 0] - car.quad[0, 0])
    yaw, pitch, roll, _near = angles(rng)
    shape = pose(iw / ih, float(np.clip(yaw, -65, 65)), pitch, roll * 0.6, float(rng.uniform(2, 6))) * width
    for _ in range(4):
        centre = np.array([rng.uniform(0, s), rng.uniform(0.3 * s, 0.95 * s)])
        quad = shape + centre
        box = around(quad)
        if scene.is_free(box):
            break
    else:
        return
    local = scene.level(box)
    gain = (0.35 + 0.65 * local / 118).clip(0.2, 1.25) * rng.uniform(0.8, 1.2)
    soft, coarse = softness(width / 3, rng)
    if not lay(scene, car.image, quad, gain, soft, coarse) or rng.random() < 0.12:
        return
    # Plates differ in width; the place on the vehicle is drawn for 440 mm.
    ph, pw = p.image.shape[:2]
    aspect = float(p.quad[1, 0] - p.quad[0, 0]) / float(p.quad[3, 1] - p.quad[0, 1])
    wide = (car.quad[1, 0] - car.quad[0, 0]) * np.clip(aspect / 3.14, 0.62, 1.18)
    cx, cy = car.quad.mean(0)
    half = np.array([wide / 2, wide / 2 * ph / pw])
    slot = corners(cx - half[0], cy - half[1], cx + half[0], cy + half[1])
    on_canvas = carry(slot, homography(car.image, quad))
    put(scene, p, on_canvas, PLATE, gain * rng.uniform(0.85, 1.15), rng)


def loose_plate(scene: Scene, bank: Bank, rng: Rng) -> None:
    """Pastes a plate alone, in the lower part, where nothing labelled stands."""
    s = scene.size
    p = plate_sprite(bank, rng)
    ih, iw = p.image.shape[:2]
    width = float(np.exp(rng.uniform(np.log(16), np.log(100))))
    yaw, pitch, roll, near = angles(rng)
    shape = pose(iw / ih, yaw, pitch, roll, near) * narrowed(width, yaw)
    quad = shape + np.array([rng.uniform(0, s), rng.uniform(0.35 * s, s)])
    box = around(quad)
    if scene.is_free(box):
        gain = (0.3 + 0.7 * scene.level(box) / 115).clip(0.2, 1.2) * rng.uniform(0.8, 1.2)
        put(scene, p, quad, PLATE, gain, rng)


# --- people ----------------------------------------------------------------------------------------------------------


def person(scene: Scene, bank: Bank, centre: np.ndarray, height: float, gain: np.ndarray, rng: Rng) -> None:
    """Pastes a person whose face is ``height`` px high at ``centre``."""
    s = bank.pick("person", rng)
    image = s.image
    if rng.random() < 0.18:
        picture = np.ascontiguousarray(image[..., :3])
        wear(picture, around(s.quad), rng)
        # A helmet stands out over the hair: what was painted is opaque.
        painted = (picture != image[..., :3]).any(2)
        image = np.dstack([picture, np.where(painted, 255, image[..., 3])])
    quad_in = s.quad
    if rng.random() < 0.5:
        image = image[:, ::-1]
        quad_in = corners(image.shape[1] - s.quad[1, 0], s.quad[0, 1], image.shape[1] - s.quad[0, 0], s.quad[2, 1])
    ih, iw = image.shape[:2]
    k = height / float(s.quad[3, 1] - s.quad[0, 1])
    a = np.radians(rng.normal(0, 5))
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    stretch = np.array([rng.uniform(0.88, 1.1), 1.0])
    quad = ((corners(0, 0, iw, ih) - quad_in.mean(0)) * k * stretch) @ turn + centre
    skin = image[int(quad_in[0, 1]) : int(quad_in[2, 1]) : 3, int(quad_in[0, 0]) : int(quad_in[2, 0]) : 3, :3]
    # Half way to the place's own brightness: neither lit like a studio nor all alike.
    mean = float(skin.mean()) if skin.size else 110.0
    fitted = gain * float(np.clip((110 / max(mean, 30)) ** 0.6, 0.6, 1.5))
    put(scene, Sprite(image, quad_in, s.kind, s.name), quad, FACE, fitted.clip(0.12, 1.4), rng)


def cast(local: np.ndarray, rng: Rng) -> np.ndarray:
    """The light that falls on someone standing where the mean colour is ``local``."""
    grey = float(local.mean())
    tint = ((local + 40) / (grey + 40)) ** 0.5
    return tint * float(np.clip(0.35 + 0.65 * grey / 110, 0.2, 1.3)) * rng.uniform(0.75, 1.25)


def few_people(scene: Scene, bank: Bank, rng: Rng) -> None:
    s = scene.size
    for _ in range(int(rng.integers(1, 5))):
        height = float(np.exp(rng.uniform(np.log(8), np.log(26))))
        centre = rng.uniform(0.03 * s, 0.97 * s, 2)
        box = np.array([centre[0] - height, centre[1] - height, centre[0] + height, centre[1] + 1.6 * height])
        if scene.is_free(box):
            person(scene, bank, centre, height, cast(scene.level(box), rng), rng)


def crowd(scene: Scene, bank: Bank, rng: Rng) -> None:
    """5 to 30 people standing on one ground: the higher in the picture, the smaller and the earlier drawn."""
    s = scene.size
    n = int(rng.integers(5, 31))
    near = float(rng.uniform(14, 28))
    far = near * float(rng.uniform(0.5, 0.85))
    width, height = rng.uniform(0.4, 1.0) * s, rng.uniform(0.08, 0.4) * s
    left, top = rng.uniform(0, s - width), rng.uniform(0.05 * s, 0.9 * s - height)
    local = scene.level(np.array([left, top, left + width, top + height]))
    gain = cast(local, rng)
    placed: list[np.ndarray] = []
    for y in np.sort(rng.uniform(0, 1, n)):
        size = far + (near - far) * float(y)
        for _ in range(3):
            centre = np.array([left + rng.uniform(0, width), top + float(y) * height])
            box = np.array([centre[0] - size, centre[1] - size, centre[0] + size, centre[1] + 1.6 * size])
            # People stand beside or behind each other, not in one place.
            apart = all(np.hypot(*((centre - p) / (0.9 * size, 1.0 * size))) > 1 for p in placed)
            covers = [b for b, t in zip(scene.boxes, scene.turn, strict=True) if t == 0]
            if apart and all(not overlaps(box, b) for b in covers):
                placed.append(centre)
                person(scene, bank, centre, size * float(rng.uniform(0.85, 1.15)), gain * rng.uniform(0.8, 1.2), rng)
                break


# --- signs, lamps, night ---------------------------------------------------------------------------------------------


def sign(scene: Scene, bank: Bank, rng: Rng) -> None:
    """Pastes something without a label: anywhere, at any size, over nothing labelled."""
    s = scene.size
    n = bank.pick("sign", rng)
    ih, iw = n.image.shape[:2]
    width = float(np.exp(rng.uniform(np.log(12), np.log(150))))
    yaw, pitch, roll, near = angles(rng)
    if n.name == "caption":
        width, yaw, pitch, roll = float(rng.uniform(70, 200)), 0.0, 0.0, 0.0
    quad = pose(iw / ih, yaw, pitch, roll, near) * narrowed(width, yaw) + rng.uniform(0, s, 2)
    box = around(quad)
    if not scene.is_free(box):
        return
    lit = n.name in ("caption", "display", "lamp")
    gain = np.ones(3) if lit else (0.3 + 0.7 * scene.level(box) / 115).clip(0.15, 1.2) * rng.uniform(0.8, 1.2)
    soft, coarse = softness(width, rng)
    if rng.random() < 0.35 and not lit and n.name != "ball":  # on a pole
        x, y = int((box[0] + box[2]) / 2), int(box[3]) - 1
        thick = max(1, round(width * 0.05))
        tone = [int(v) for v in 110 * gain]
        before = scene.image[max(0, y) : int(y + 3 * width), max(0, x - thick) : x + thick]
        foot = np.array([x - thick, y, x + thick, y + 3 * width])
        if before.size and all(not overlaps(foot, b) for b in scene.boxes):
            before[:, : max(1, thick)] = tone
    lay(scene, n.image, quad, gain, soft, coarse)


_R = np.hypot(*np.mgrid[-1:1:128j, -1:1:128j])
# A lamp's light: a core and a halo, which ends at the edge.
GLOW = ((np.exp(-(_R**2) / 0.018) + 0.25 * np.exp(-_R / 0.22)) * (1 - _R).clip(0, 0.2) * 5).astype(np.float32)


def glow(scene: Scene, centre: np.ndarray, radius: float, colour: np.ndarray) -> None:
    """Adds a lamp's light; ``radius`` px is where its halo ends."""
    n = max(4, round(2 * radius))
    x, y = round(float(centre[0])) - n // 2, round(float(centre[1])) - n // 2
    x1, y1, x2, y2 = max(0, x), max(0, y), min(scene.size, x + n), min(scene.size, y + n)
    if x2 <= x1 or y2 <= y1:
        return
    g = cv2.resize(GLOW, (n, n), interpolation=cv2.INTER_AREA)[y1 - y : y2 - y, x1 - x : x2 - x, None]
    part = scene.image[y1:y2, x1:x2]
    part[:] = (part + g * colour).clip(0, 255).astype(np.uint8)


def night(scene: Scene, rng: Rng) -> None:
    """Darkens the scene and lights lamps: a pair beside most plates, others anywhere."""
    dark = rng.uniform(0.3, 0.65)
    tint = np.array([[1, 1, 1], [1.15, 0.95, 0.7], [0.85, 0.95, 1.15]][int(rng.integers(3))])
    table = ((np.arange(256)[:, None] / 255) ** 1.2 * 255 * dark * tint).clip(0, 255).astype(np.uint8)
    scene.image[:] = cv2.LUT(scene.image, np.ascontiguousarray(table.reshape(256, 1, 3)))
    colours = np.array([[255, 250, 230], [255, 225, 170], [225, 235, 255], [255, 60, 40]], np.float32) * 1.3
    for box, label in zip(list(scene.boxes), list(scene.labels), strict=True):
        if label != PLATE or rng.random() > 0.8:
            continue
        x1, y1, x2, y2 = (int(v) for v in box)
        part = scene.image[y1:y2, x1:x2]
        w, centre = float(box[2] - box[0]), (box[:2] + box[2:]) / 2
        if rng.random() < 0.6 and part.size:  # lit from the camera's side: bright, at times burnt out
            part[:] = (part * rng.uniform(1.2, 1.0 / dark + 0.6) + rng.uniform(0, 50)).clip(0, 255).astype(np.uint8)
        colour = colours[int(rng.integers(4))]
        apart, rise = rng.uniform(1.0, 1.8) * w, rng.uniform(-0.9, 0.2) * w
        for side in (-1, 1):
            glow(scene, centre + np.array([side * apart, rise]), w * float(rng.uniform(0.5, 1.3)), colour)
    for _ in range(int(rng.integers(0, 5))):
        glow(scene, rng.uniform(0, scene.size, 2), float(rng.uniform(6, 60)), colours[int(rng.integers(4))])


# --- all of it -------------------------------------------------------------------------------------------------------


def enrich(
    image: np.ndarray, known: np.ndarray, boxes: np.ndarray, labels: np.ndarray, whole: np.ndarray, bank: Bank, rng: Rng
) -> tuple[np.ndarray, np.ndarray]:
    """Puts things of the bank onto a canvas (``image`` and ``known`` change in place); returns boxes and labels.

    ``whole[i]``: object i is not cut off by the border of its cell.
    """
    scene = Scene(image, known, list(boxes.astype(np.float32)), [int(c) for c in labels])
    for i in range(len(labels)):
        if labels[i] == PLATE and whole[i] and rng.random() < REPLACE:
            replace_plate(scene, i, bank, rng)
    gone = [i for i in range(len(labels)) if labels[i] == PLATE and scene.turn[i] == 0 and rng.random() < BARE]
    for i in reversed(gone):
        erase(image, scene.boxes[i])
        del scene.boxes[i], scene.labels[i], scene.turn[i]
    if rng.random() < SIGNS:
        for _ in range(int(rng.integers(1, 5))):
            sign(scene, bank, rng)
    if rng.random() < VEHICLES:
        for _ in range(int(rng.integers(1, 4))):
            vehicle(scene, bank, rng)
    if rng.random() < LOOSE_PLATES:
        for _ in range(int(rng.integers(1, 3))):
            loose_plate(scene, bank, rng)
    if bank.has("person"):
        draw = rng.random()
        if draw < FEW_PEOPLE:
            few_people(scene, bank, rng)
        elif draw < FEW_PEOPLE + CROWD:
            crowd(scene, bank, rng)
    for box, label, turn in zip(scene.boxes, scene.labels, scene.turn, strict=True):
        if label == FACE and turn == 0 and box[3] - box[1] > 14 and rng.random() < WORN:
            wear(image, box, rng)
    if rng.random() < NIGHT:
        night(scene, rng)
    return settle(scene)
