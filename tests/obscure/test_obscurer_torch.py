"""The obscurer for tensors keeps the contract on each device there is, and paints what the CPU's one paints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from contracts.obscurers import METHODS, Apply, ObscurerContract, face, plate, policy
from contracts.planes import LAYOUTS, YUV420, Layout, copy, noise, same
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.findings import StoredRegion
from redact.obscure import FramePlanes, Held, Obscurer, Plane
from redact.obscure.torch_obscurer import TorchObscurer
from redact.policy import ObscurePolicy


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The tests run side by side: threads that wait for each other's cores take seconds for what takes none."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def on(device: str, frame: FramePlanes) -> FramePlanes:
    """The same frame with tensors as planes; on the CPU they share its memory."""
    planes = tuple(Plane(torch.from_numpy(p.data).to(device), p.sub_x, p.sub_y) for p in frame.planes)
    return FramePlanes(planes, frame.width, frame.height, frame.bits, frame.full_range, frame.rgb, frame.interlaced)


class TorchContract(ObscurerContract):
    device: str

    def start(self, policy: ObscurePolicy, given: Sequence[Held] = ()) -> Apply:
        obscurer = TorchObscurer(policy, given)

        def apply(frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
            there = on(self.device, frame)
            places = [p.data.data_ptr() for p in there.planes]
            obscurer.apply(there, regions)
            assert [p.data.data_ptr() for p in there.planes] == places
            for mine, its in zip(frame.planes, there.planes, strict=True):
                assert its.data.device.type == self.device
                mine.data[...] = its.data.cpu().numpy()

        return apply

    def taken(self, policy: ObscurePolicy, frame: FramePlanes, regions: Sequence[StoredRegion]) -> tuple[Held, ...]:
        obscurer = TorchObscurer(policy)
        obscurer.apply(on(self.device, frame), regions)
        return obscurer.held

    @pytest.mark.parametrize("layout", LAYOUTS, ids=lambda v: v.name.split(",")[0])
    @pytest.mark.parametrize("method", METHODS)
    def test_equals_the_cpu_s_obscurer_bit_for_bit(self, layout: Layout, method: str) -> None:
        mine, cpu = self.start(policy(method)), Obscurer(policy(method)).apply
        for i in range(4):
            regions = [
                face(1, 3 + 5 * i, 4, 60 + 6 * i, 77 + i),
                face(2, -20, -10 + 9 * i, 31, 40 + 9 * i),
                plate(3, 90 - 9 * i, 60, 141, 90),
                face(4, 50, 50, 55, 53 + i),
            ]
            a = noise(layout, 131, 85, seed=i)
            b = copy(a)
            mine(a, regions)
            cpu(b, regions)
            assert same(a, b)


class TestTorchOnCpu(TorchContract):
    device = "cpu"

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(0, 2**32 - 1),
        st.sampled_from(["blur", "mosaic"]),
        st.lists(st.tuples(*[st.floats(-40, 260)] * 4), min_size=1, max_size=4),
    )
    def test_equals_the_cpu_s_obscurer_anywhere(
        self, seed: int, method: str, corners: list[tuple[float, float, float, float]]
    ) -> None:
        regions = [face(i, min(a, c), min(b, d), max(a, c), max(b, d)) for i, (a, b, c, d) in enumerate(corners)]
        first = noise(YUV420, 201, 143, seed)
        second = copy(first)
        self.start(policy(method))(first, regions)
        Obscurer(policy(method)).apply(second, regions)
        assert same(first, second)

    def test_tensors_may_be_signed(self) -> None:
        """Ten bits fit an int16, which more operations know than uint16."""
        layout = Layout("yuv420p10", ((1, 1, 1), (2, 2, 1), (2, 2, 1)), 10)
        a, b = noise(layout, 90, 70), noise(layout, 90, 70)
        planes = tuple(Plane(torch.from_numpy(p.data.view(np.int16)), p.sub_x, p.sub_y) for p in a.planes)
        regions = [face(1, 8, 8, 80, 66)]
        TorchObscurer(policy()).apply(FramePlanes(planes, 90, 70, 10), regions)
        Obscurer(policy()).apply(b, regions)
        assert same(a, b)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
class TestTorchOnCuda(TorchContract):
    device = "cuda"

    def test_equals_the_cpu_s_obscurer_where_matrices_are_multiplied_with_fewer_bits(self) -> None:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium")
        try:
            self.test_equals_the_cpu_s_obscurer_bit_for_bit(YUV420, "blur")
        finally:
            torch.set_float32_matmul_precision(before)
