"""What every obscurer must do, whatever holds its planes. Inherit ObscurerContract and say how to start one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.planes import LAYOUTS, YUV420, Layout, bounds, copy, noise, same, shuffled_within_cells
from redact.findings import Kind, StoredRegion
from redact.geometry import Box, Polygon
from redact.obscure import FramePlanes, Held, Plane
from redact.policy import ObscurePolicy

METHODS = ["blur", "mosaic", "solid"]
Apply = Callable[[FramePlanes, Sequence[StoredRegion]], None]


def policy(method: str = "blur", **more: Any) -> ObscurePolicy:
    return ObscurePolicy(kinds=("face", "plate"), method=method, **more)  # type: ignore[arg-type]


def face(track: int, *edges: float) -> StoredRegion:
    return StoredRegion(track, Kind.FACE, Box(*edges))


def plate(track: int, *edges: float) -> StoredRegion:
    return StoredRegion(track, Kind.PLATE, Box(*edges))


by_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda v: v.name.split(",")[0])
by_method = pytest.mark.parametrize("method", METHODS)
by_remaining = pytest.mark.parametrize("method", ["blur", "mosaic"])


class ObscurerContract(ABC):
    """Inherited by the tests of each obscurer."""

    @abstractmethod
    def start(self, policy: ObscurePolicy, given: Sequence[Held] = ()) -> Apply:
        """A fresh obscurer's ``apply`` on frames whose planes are numpy arrays."""

    @abstractmethod
    def taken(self, policy: ObscurePolicy, frame: FramePlanes, regions: Sequence[StoredRegion]) -> tuple[Held, ...]:
        """What a fresh obscurer holds after it was applied to a frame whose planes are numpy arrays."""

    def done(self, frame: FramePlanes, regions: Sequence[StoredRegion], policy: ObscurePolicy) -> FramePlanes:
        """A copy of ``frame`` with ``regions`` obscured by a fresh obscurer."""
        out = copy(frame)
        self.start(policy)(out, regions)
        return out

    # Where

    @by_layout
    @by_method
    def test_outside_is_untouched_and_inside_nothing_stays(self, layout: Layout, method: str) -> None:
        before = noise(layout, 97, 61)
        regions = [
            plate(1, -9, -5, 14, 11),
            plate(2, 31, 17, 64, 40),
            plate(3, 80.4, 50.2, 120, 90),
            plate(4, 70, -30, 78, -1),
        ]
        after = self.done(before, regions, policy(method))
        for p, q in zip(before.planes, after.planes, strict=True):
            inside = np.zeros(p.data.shape[:2], bool)
            for r in regions:
                inside[bounds(r.box, before, p)] = True
            assert np.array_equal(p.data[~inside], q.data[~inside])
            # Random samples equal what replaces them now and then; kept ones would do so always.
            assert (p.data[inside] == q.data[inside]).mean() < 0.1

    @pytest.mark.parametrize("top", range(8, 12))
    @pytest.mark.parametrize("bottom", range(33, 37))
    @by_method
    def test_a_field_keeps_no_chroma_of_what_is_covered(self, method: str, top: int, bottom: int) -> None:
        """In an interlaced frame chroma row 2m stands for luma rows 4m and 4m + 2, row 2m + 1 for 4m + 1 and 4m + 3."""
        before = replace(noise(YUV420, 48, 48), interlaced=True)
        outline = Polygon(((8, top), (40, top), (40, bottom), (8, bottom)))
        box = Box(8, top, 40, bottom)
        for region in (plate(1, *box.edges), StoredRegion(1, Kind.ZONE, box, outline)):
            after = self.done(before, [region], policy(method))
            rows = sorted({2 * (y // 4) + y % 2 for y in range(top, bottom)})
            for p, q in zip(before.planes[1:], after.planes[1:], strict=True):
                inside = np.s_[rows, 4:20]
                assert ((p.data[inside] == q.data[inside]).mean(axis=1) < 0.5).all()
                assert np.array_equal(p.data[: top // 4 * 2 - 2], q.data[: top // 4 * 2 - 2])
                assert np.array_equal(p.data[-(-bottom // 4) * 2 + 2 :], q.data[-(-bottom // 4) * 2 + 2 :])
            y, (x1, y1, x2, y2) = after.planes[0].data, box.to_ints()
            alone = self.done(replace(before, interlaced=False), [region], policy(method)).planes[0].data
            if method == "solid":
                assert np.array_equal(y, alone), "luma is covered as ever"
            assert not np.array_equal(y[y1:y2, x1:x2], before.planes[0].data[y1:y2, x1:x2])

    @by_layout
    @by_method
    def test_an_ellipse_leaves_the_corners_of_its_box(self, layout: Layout, method: str) -> None:
        before = noise(layout, 96, 96)
        region = face(1, 13, 9, 78, 85)
        after = self.done(before, [region], policy(method))
        for p, q in zip(before.planes, after.planes, strict=True):
            rows, columns = bounds(region.box, before, p)
            outside = np.ones(p.data.shape[:2], bool)
            outside[rows, columns] = False
            assert np.array_equal(p.data[outside], q.data[outside])
            a, b = p.data[rows, columns], q.data[rows, columns]
            for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
                assert np.array_equal(a[corner], b[corner])
            h, w = a.shape[:2]
            middle = np.s_[h // 4 : -(h // 4), w // 4 : -(w // 4)]
            assert (a[middle] == b[middle]).mean() < 0.1

    @by_method
    def test_a_region_cut_off_by_the_picture_is_covered_to_the_picture_s_edge(self, method: str) -> None:
        """Its box arrives clipped; an ellipse inside the clipped box would bare the face along the edge."""
        before = noise(Layout("gray", ((1, 1, 1),), 16), 60, 60)
        left = self.done(before, [face(1, 0, 10, 30, 50)], policy(method)).planes[0].data
        assert not (left[12:48, 0] == before.planes[0].data[12:48, 0]).any()
        corner = self.done(before, [face(1, 35, 35, 60, 60)], policy(method)).planes[0].data
        assert not (corner[48:, 48:] == before.planes[0].data[48:, 48:]).any()

    @by_layout
    @by_method
    def test_nothing_to_cover_changes_nothing(self, layout: Layout, method: str) -> None:
        before = noise(layout, 40, 30)
        for region in (face(1, -20, 3, 0, 9), face(1, 40, 3, 55, 9), plate(1, 5.5, 5, 5.5, 20), plate(1, 3, 30, 9, 31)):
            assert same(self.done(before, [region], policy(method)), before)
        assert same(self.done(before, [], policy(method)), before)

    @by_layout
    def test_where_regions_overlap_all_is_covered(self, layout: Layout) -> None:
        before = noise(layout, 90, 70)
        regions = [plate(1, 10, 10, 50, 50), plate(2, 30, 20, 80, 60), plate(1, 32, 22, 40, 30)]
        after = self.done(before, regions, policy("solid"))
        for p, value in zip(after.planes, after.black_values, strict=True):
            for r in regions:
                assert (p.data[bounds(r.box, after, p)] == value).all()

    # How little

    @by_layout
    @by_remaining
    @pytest.mark.parametrize("cells", [6, 3, 1])
    def test_faces_that_differ_below_the_grid_look_the_same(self, layout: Layout, method: str, cells: int) -> None:
        box = Box(11, 7, 84, 83)
        first = noise(layout, 96, 96)
        second = shuffled_within_cells(first, box, cells, seed=1)
        assert not same(first, second)
        for kind in Kind:
            region = [StoredRegion(1, kind, box)]
            whole = self.done(first, region, policy(method, cells=cells, shape="box"))
            other = self.done(second, region, policy(method, cells=cells, shape="box"))
            assert same(whole, other)

    @by_layout
    @pytest.mark.parametrize("cells", [6, 4, 1])
    def test_a_mosaic_holds_few_cells_in_few_levels(self, layout: Layout, cells: int) -> None:
        region = plate(1, 3, 5, 88, 91)
        after = self.done(noise(layout, 96, 96), [region], policy("mosaic", cells=cells))
        for p in after.planes:
            patch = p.data[bounds(region.box, after, p)]
            patch = patch.reshape(*patch.shape[:2], -1)
            assert len(np.unique(patch, axis=0)) <= cells
            assert np.unique(patch, axis=1).shape[1] <= cells
        levels = set()
        for value in range(0, 1 << layout.bits, 1 << (layout.bits - 8)):
            flat = noise(layout, 24, 24)
            for p in flat.planes:
                p.data[...] = value
            levels |= set(self.done(flat, [plate(1, 0, 0, 24, 24)], policy("mosaic")).planes[0].data.ravel().tolist())
        assert len(levels) <= 32

    @by_remaining
    def test_a_region_smaller_than_two_cells_is_one_colour(self, method: str) -> None:
        region = plate(1, 21, 21, 33, 34)
        after = self.done(noise(YUV420, 64, 64), [region], policy(method))
        for p in after.planes:
            assert len(np.unique(p.data[bounds(region.box, after, p)])) == 1

    def test_a_blur_has_no_creases(self) -> None:
        """Straight lines from average to average would bend by as much as they rise in a single sample."""
        frame = noise(Layout("gray", ((1, 1, 1),), 16), 240, 240)
        data = frame.planes[0].data
        for r in range(6):
            for c in range(6):
                data[r * 40 : (r + 1) * 40, c * 40 : (c + 1) * 40] = 60000 * ((r + c) % 2)
        after = self.done(frame, [plate(1, 0, 0, 240, 240)], policy("blur", cells=6)).planes[0].data.astype(np.int64)
        rise, bend = np.abs(np.diff(after, axis=1)).max(), np.abs(np.diff(after, 2, axis=1)).max()
        assert rise > 100
        assert bend < rise / 4

    @by_remaining
    def test_brightness_and_colour_stay_roughly(self, method: str) -> None:
        frame = noise(YUV420, 96, 96)
        for p, value in zip(frame.planes, (180, 110, 150), strict=True):
            p.data[...] = value
        after = self.done(frame, [plate(1, 10, 10, 90, 90)], policy(method))
        for p, value in zip(after.planes, (180, 110, 150), strict=True):
            assert np.abs(p.data.astype(int) - value).max() <= 4

    @by_layout
    def test_solid_is_black(self, layout: Layout) -> None:
        for full in (False, True):
            f = noise(layout, 48, 48)
            frame = FramePlanes(f.planes, 48, 48, f.bits, full_range=full, rgb=f.rgb)
            after = self.done(frame, [plate(1, 5, 5, 40, 40)], policy("solid"))
            scale = 1 << (layout.bits - 8)
            luma = 0 if full or layout.rgb else 16 * scale
            for i, p in enumerate(after.planes):
                expected = luma if i == 0 else (0 if layout.rgb else 128 * scale)
                assert (p.data[bounds(Box(5, 5, 40, 40), after, p)] == expected).all()

    # Over time

    @by_layout
    @by_remaining
    def test_the_first_sight_of_a_track_is_held(self, layout: Layout, method: str) -> None:
        """What comes later under the same track, wherever and whatever it is, changes nothing of what is shown."""
        apply = self.start(policy(method))
        first = noise(layout, 128, 96, seed=1)
        apply(first, [plate(1, 8, 8, 68, 72)])
        for seed in (2, 3):
            later = noise(layout, 128, 96, seed=seed)
            apply(later, [plate(1, 16 * seed, 16, 16 * seed + 60, 80)])
            for p, q in zip(first.planes, later.planes, strict=True):
                shown = q.data[bounds(Box(16 * seed, 16, 16 * seed + 60, 80), later, q)]
                assert np.array_equal(p.data[bounds(Box(8, 8, 68, 72), first, p)], shown)

    @by_layout
    @by_method
    def test_what_was_taken_from_one_frame_is_painted_in_another_segment(self, layout: Layout, method: str) -> None:
        first, later = noise(layout, 96, 96), noise(layout, 96, 96, seed=1)
        regions = [face(1, 10, 10, 60, 70), plate(2, 40, 50, 90, 92), face(3, 100, 10, 120, 30)]
        taken = self.taken(policy(method), copy(first), regions)
        assert {(h.track, h.sighted) for h in taken} == (set() if method == "solid" else {(1, True), (2, True)})
        held, handed = self.start(policy(method)), copy(later)
        held(first, regions)
        held(later, regions)
        self.start(policy(method), taken)(handed, regions)
        assert same(handed, later)

    @by_remaining
    def test_what_was_there_before_the_first_sighting_is_not_held(self, method: str) -> None:
        """Regions begin before the object is seen; a patch of the background on it would be seen from afar."""
        apply = self.start(policy(method))
        floor, person = noise(YUV420, 64, 64), noise(YUV420, 64, 64)
        floor.planes[0].data[...] = 40
        person.planes[0].data[...] = 200
        box = Box(8, 8, 56, 56)
        for frame, sighted, expected in (
            (floor, False, 40),
            (person, False, 40),
            (person, True, 200),
            (floor, True, 200),
        ):
            frame.planes[0].data[...] = 40 if frame is floor else 200
            apply(frame, [StoredRegion(1, Kind.PLATE, box, sighted=sighted)])
            assert abs(float(frame.planes[0].data[12:52, 12:52].mean()) - expected) <= 4

    @by_remaining
    def test_a_grid_held_from_a_small_region_stays_coarse_in_a_large_one(self, method: str) -> None:
        apply = self.start(policy("mosaic" if method == "mosaic" else "blur"))
        frame = noise(YUV420, 128, 128)
        apply(frame, [plate(1, 0, 0, 17, 25)])  # 2 x 3 cells
        later = noise(YUV420, 128, 128, seed=9)
        apply(later, [plate(1, 2, 2, 122, 122)])
        patch = later.planes[0].data[2:122, 2:122].astype(np.float64)
        if method == "mosaic":
            assert len(np.unique(patch, axis=0)) <= 3
            assert np.unique(patch, axis=1).shape[1] <= 2
        else:  # a matrix made of 3 x 2 numbers has rank 2; what rounding to samples adds is small
            strength = np.linalg.svd(patch, compute_uv=False)
            assert strength[2:].max() < 120 * 0.5

    @by_remaining
    def test_tracks_are_told_apart(self, method: str) -> None:
        apply = self.start(policy(method))
        dark, bright = noise(YUV420, 64, 64), noise(YUV420, 64, 64)
        dark.planes[0].data[...] = 40
        bright.planes[0].data[...] = 200
        apply(dark, [plate(1, 8, 8, 56, 56)])
        apply(bright, [plate(2, 8, 8, 56, 56)])
        assert dark.planes[0].data.max() < 50
        assert bright.planes[0].data.min() > 190

    @by_remaining
    def test_a_track_still_outside_the_picture_holds_nothing_yet(self, method: str) -> None:
        apply = self.start(policy(method))
        frame = noise(YUV420, 64, 64)
        apply(frame, [plate(1, -30, 8, -2, 56)])
        apply(frame, [plate(1, 8, 8, 56, 56)])
        assert same(frame, self.done(noise(YUV420, 64, 64), [plate(1, 8, 8, 56, 56)], policy(method)))

    @by_layout
    @by_method
    def test_the_same_gives_the_same(self, layout: Layout, method: str) -> None:
        frames = [noise(layout, 80, 60, seed=s) for s in range(3)]
        regions = [[face(1, 5 + i, 3, 45 + i, 50), face(2, 30, 20 - i, 70 + 2 * i, 58)] for i in range(3)]
        results = []
        for _ in range(2):
            apply = self.start(policy(method))
            here = [copy(f) for f in frames]
            for f, r in zip(here, regions, strict=True):
                apply(f, r)
            results.append(here)
        assert all(same(a, b) for a, b in zip(*results, strict=True))

    def test_views_with_gaps_between_rows_are_written_in_place(self) -> None:
        """Decoders pad their rows: what lies in the padding is not the picture's and stays."""
        memory: NDArray[np.uint8] = np.full((64, 100), 77, np.uint8)
        memory[:, :64] = noise(Layout("gray", ((1, 1, 1),)), 64, 64).planes[0].data
        frame = FramePlanes((Plane(memory[:, :64], 1, 1),), 64, 64)
        self.start(policy("solid"))(frame, [plate(1, 40, 8, 90, 56)])
        assert (memory[:, 64:] == 77).all()
        assert (memory[8:56, 40:64] == 16).all()
