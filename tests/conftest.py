"""Shared fixtures: clips are generated with a stated pattern; real footage is used where it exists."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from clips import Clip, write_clip

from redact.run.local import LocalRunner

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Work is shared out by modules; all that starts Ray clusters is one: two at a time would starve each other."""
    from xdist.scheduler import LoadScopeScheduling

    class OneRay(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "ray" if "run/test_cluster" in nodeid else str(super()._split_scope(nodeid))

    return OneRay(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts Ray clusters goes first: it runs one after another, and at the end one core would wait for it."""
    items.sort(key=lambda i: "run/test_cluster" not in i.nodeid)


def _real(part: str) -> Path:
    """A folder of real footage; skips plainly without it."""
    folder = Path(os.environ.get("REDACT_DATA", ROOT.parent / "shared" / "data")) / part
    if not folder.is_dir():
        pytest.skip(f"no {part}/ here: set REDACT_DATA to the folder that holds clips/ and detect/")
    return folder


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """A folder of video files."""
    return _real("clips")


@pytest.fixture(scope="session")
def shared_pictures() -> Path:
    """A folder of labelled pictures, in val/images and val/labels."""
    return _real("detect")


@pytest.fixture(scope="session")
def runner() -> Iterator[LocalRunner]:
    """Two worker processes for all tests of a session."""
    with LocalRunner(2) as r:
        yield r


@pytest.fixture(scope="session")
def plain_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of H.264 in MP4, 320x240 at 25 fps, with a moving pattern and no faces."""
    return write_clip(tmp_path_factory.mktemp("clips") / "plain.mp4", Clip())


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip of ``redact demo``: real faces, a plate, sound, a GPS tag and a thumbnail."""
    from redact.demo import make_clip

    file = tmp_path_factory.mktemp("demo") / "street.mp4"
    make_clip(file)
    return file
