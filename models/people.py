"""Cuts labelled faces with their head and shoulders out of real images, and puts things on faces.

A far face is not a small picture of a face alone: it is hair, neck and shoulders around a few pixels
of skin. GrabCut separates the person from the background; where it fails, a soft outline of a head
and shoulders stands in.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from bank import Sprite, corners
from pack import Pack

Rng = np.random.Generator

FACE = 48  # px; height of the face in a finished cut-out, and the least height it may have in its image
DARK = 25  # mean grey of a face below which nobody can be seen in it
# daniyal shows the same few men again and again, grey and stretched; its share of the cut-outs is held down.
RARE = {"daniyal": 0.25}
UP, DOWN, SIDE = 0.55, 1.0, 0.85  # how much is cut out around the face box, in its heights and widths


def outline(h: int, w: int, face: np.ndarray) -> np.ndarray:
    """A head and shoulders as one would draw them, HxW float32 0..1, from the face box (x1, y1, x2, y2)."""
    mask = np.zeros((h, w), np.uint8)
    x1, y1, x2, y2 = (float(v) for v in face)
    cx, fw, fh = (x1 + x2) / 2, x2 - x1, y2 - y1
    cv2.ellipse(mask, (round(cx), round(y1 + 0.4 * fh)), (round(0.66 * fw), round(0.72 * fh)), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (round(cx), round(y2 + 0.85 * fh)), (round(1.25 * fw), round(0.7 * fh)), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (round(cx - 0.35 * fw), round(y1 + 0.5 * fh)), (round(cx + 0.35 * fw), h), 255, -1)
    return mask.astype(np.float32) / 255


def separate(image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The person's share of each pixel, HxW float32 0..1."""
    h, w = image.shape[:2]
    drawn = outline(h, w, face)
    near = cv2.dilate(drawn, np.ones((9, 9), np.uint8))
    mask = np.where(drawn > 0.5, cv2.GC_PR_FGD, np.where(near > 0.5, cv2.GC_PR_BGD, cv2.GC_BGD)).astype(np.uint8)
    x1, y1, x2, y2 = face
    cv2.ellipse(
        mask,
        (round((x1 + x2) / 2), round((y1 + y2) / 2)),
        (round(0.42 * (x2 - x1)), round(0.48 * (y2 - y1))),
        0,
        0,
        360,
        cv2.GC_FGD,
        -1,
    )
    cv2.setRNGSeed(0)  # GrabCut starts from random clusters
    cv2.grabCut(image, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    # A cut that lost half of what was drawn, or took most of the rest, is no person.
    if (person * drawn).sum() < 0.5 * drawn.sum() or person.mean() > 0.8:
        person = drawn
    person = cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(person, (0, 0), 1.6)
    # The picture's own border must not show as an edge, except below, where a body goes on.
    ramp = np.minimum(np.arange(w), np.arange(w)[::-1])[None] / 6.0
    top = np.arange(h)[:, None] / 6.0
    low = np.arange(h)[::-1][:, None] / 14.0
    return soft * np.minimum(np.minimum(ramp, top), low).clip(0, 1).astype(np.float32)


def cut(image: np.ndarray, box: np.ndarray) -> Sprite:
    """Cuts out the face at ``box`` (x1, y1, x2, y2) of an RGB image, scaled to a face ``FACE`` px high."""
    x1, y1, x2, y2 = (float(v) for v in box)
    fw, fh = x2 - x1, y2 - y1
    left, top = max(0, round(x1 - SIDE * fw)), max(0, round(y1 - UP * fh))
    right, bottom = min(image.shape[1], round(x2 + SIDE * fw)), min(image.shape[0], round(y2 + DOWN * fh))
    k = FACE / fh
    size = (max(8, round((right - left) * k)), max(8, round((bottom - top) * k)))
    piece = cv2.resize(image[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    face = (np.array([x1 - left, y1 - top, x2 - left, y2 - top]) * k).astype(np.float32)
    alpha = separate(piece, face)
    return Sprite(np.dstack([piece, (alpha * 255).astype(np.uint8)]), corners(*face), "person", "person")


def usable(boxes: np.ndarray, k: int, image: np.ndarray) -> bool:
    """Whether face ``k`` of ``boxes`` is large, lit, wholly in the image, of a face's proportions, and alone."""
    x1, y1, x2, y2 = (float(v) for v in boxes[k])
    fw, fh = x2 - x1, y2 - y1
    if fh < FACE or not 0.5 < fw / fh < 1.15:
        return False
    h, w = image.shape[:2]
    if x1 < 0.25 * fw or x2 > w - 0.25 * fw or y1 < 0.15 * fh or y2 > h - 0.3 * fh:
        return False
    if image[int(y1) : int(y2) : 4, int(x1) : int(x2) : 4].mean() < DARK:
        return False
    reach = np.array([x1 - SIDE * fw / 2, y1 - UP * fh, x2 + SIDE * fw / 2, y2 + DOWN * fh / 2])
    others = np.delete(boxes, k, 0)
    apart = (
        (others[:, 0] > reach[2]) | (others[:, 2] < reach[0]) | (others[:, 1] > reach[3]) | (others[:, 3] < reach[1])
    )
    return bool(apart.all())


def cut_people(pack: Pack, count: int, seed: int) -> Iterator[Sprite]:
    """Up to ``count`` cut-outs in an order that depends on ``seed`` only."""
    faces = np.flatnonzero(pack.labels == 0)
    rng = np.random.default_rng([seed, 3])
    rng.shuffle(faces)
    made = 0
    for row in faces:
        if made == count:
            return
        i = int(np.searchsorted(pack.first, row, side="right")) - 1
        e = pack[i]
        people = e.boxes[e.labels == 0]
        k = int((e.labels[: row - pack.first[i]] == 0).sum())
        if rng.random() < RARE.get(e.group, 1.0) and usable(people, k, e.image):
            made += 1
            yield cut(e.image, people[k])


# --- what people wear on their faces ---------------------------------------------------------------------------


def blend(image: np.ndarray, mask: np.ndarray, colour: np.ndarray, at: tuple[int, int]) -> None:
    """Blends a plain colour into ``image`` (RGB uint8, changed in place) where ``mask`` (uint8) says so."""
    x, y = at
    x1, y1 = max(0, x), max(0, y)
    x2, y2 = min(image.shape[1], x + mask.shape[1]), min(image.shape[0], y + mask.shape[0])
    if x2 <= x1 or y2 <= y1:
        return
    a = mask[y1 - y : y2 - y, x1 - x : x2 - x, None].astype(np.float32) / 255
    part = image[y1:y2, x1:x2]
    part[:] = (part * (1 - a) + colour * a).clip(0, 255).astype(np.uint8)


def wear(image: np.ndarray, box: np.ndarray, rng: Rng) -> None:
    """Draws a mask, sunglasses or a helmet on the upright face at ``box``; ``image`` RGB uint8, changed in place."""
    x1, y1, x2, y2 = (float(v) for v in box[:4])
    fw, fh = x2 - x1, y2 - y1
    # Drawn at a fixed size and shrunk, so that small faces get soft edges too. The face is 64 x 80 of 112 x 128.
    sheet = np.zeros((128, 112), np.uint8)
    kind = str(rng.choice(["mask", "glasses", "helmet"], p=[0.3, 0.35, 0.35]))
    patch = image[max(0, int(y1)) : int(y2) + 1, max(0, int(x1)) : int(x2) + 1]
    if not patch.size:
        return
    level = float(np.percentile(patch[::2, ::2], 90)) / 255
    turn = float(rng.uniform(-4, 4))
    if kind == "mask":
        points = [(26, 82), (56 + turn, 72), (86, 82), (83, 104), (72, 116), (56 + turn, 121), (40, 116), (29, 104)]
        cv2.fillPoly(sheet, [np.round(points).astype(np.int32)], 250, cv2.LINE_AA)
        colours = [[225, 230, 232], [150, 195, 220], [30, 30, 34], [200, 170, 180], [90, 110, 90]]
    elif kind == "glasses":
        for x in (42, 70):
            cv2.ellipse(sheet, (round(x + turn), 68), (12, 9), 0, 0, 360, 240, -1, cv2.LINE_AA)
        cv2.line(sheet, (26, 66), (86, 66), 220, 3, cv2.LINE_AA)
        colours = [[18, 18, 20], [40, 30, 24]]
    else:
        cv2.ellipse(sheet, (56, 54), (44, 42), 0, 180, 360, 255, -1, cv2.LINE_AA)
        cv2.rectangle(sheet, (12, 50), (100, 57), 255, -1)
        if rng.random() < 0.4:
            for x in (14, 98):
                cv2.line(sheet, (x, 56), (56 + (x - 56) // 2, 126), 200, 4, cv2.LINE_AA)
        colours = [[240, 200, 40], [220, 225, 230], [200, 40, 40], [40, 80, 170], [30, 30, 34], [240, 120, 40]]
    size = (max(3, round(fw * 112 / 64)), max(3, round(fh * 128 / 80)))
    colour = np.array(colours[int(rng.integers(len(colours)))], np.float32) * min(1.0, level + 0.1)
    small = cv2.resize(sheet, size, interpolation=cv2.INTER_AREA)
    blend(image, small, colour, (round(x1 - fw * 24 / 64), round(y1 - fh * 40 / 80)))
