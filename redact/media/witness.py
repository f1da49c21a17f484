"""A second pair of eyes: an ffmpeg process of its own decodes a file, with none of our decoding code.

The ffmpeg program may be another build than the library that PyAV carries, which is the point.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import ffmpeg
import numpy as np
from numpy.typing import NDArray

from redact.errors import WorkerError
from redact.geometry import Display
from redact.media.container import open_source
from redact.media.frames import View, shown_share


@cache
def ffmpeg_program() -> str:
    """Path of the ffmpeg program: REDACT_FFMPEG, else the one in imageio-ffmpeg, else the one on the PATH.

    The one in the package comes first: a system's own may be years older, and nodes of a cluster
    should judge alike. Any from 5.1 on will do.
    """
    named = os.environ.get("REDACT_FFMPEG")
    if named:
        return named
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # no binary for this kind of machine in the package
        return shutil.which("ffmpeg") or "ffmpeg"


def hides_a_border(file: Path) -> bool:
    """Whether a container asks players to cut off a border of the picture: PyAV does not say, ffmpeg does.

    Raises WorkerError where ffmpeg cannot be started.
    """
    command = [ffmpeg_program(), "-hide_banner", "-nostdin", "-protocol_whitelist", "file", "-i", f"file:{file}"]
    try:
        said = subprocess.run(command, capture_output=True, check=False).stderr  # it wants an output and fails
    except OSError as e:
        raise cannot_be_started(e) from None
    return b"Frame Cropping" in said


@cache
def ffmpeg_version() -> str:
    """What the ffmpeg program says that it is. Raises OSError or subprocess.SubprocessError where it says nothing."""
    asked = subprocess.run([ffmpeg_program(), "-version"], capture_output=True, text=True, timeout=20, check=True)
    return asked.stdout.splitlines()[0]


def ffmpeg_versions() -> dict[str, str]:
    """Versions of FFmpeg's libraries, as PyAV carries them, and of the program: "absent" where it cannot be asked.

    Pictures are released without it.
    """
    try:
        program = ffmpeg_version()
    except (OSError, subprocess.SubprocessError):
        program = "absent"
    libraries = {name: ".".join(map(str, v)) for name, v in av.library_versions.items()}
    return libraries | {"ffmpeg program": program}


def cannot_be_started(e: OSError) -> WorkerError:
    """The error for an ffmpeg program that is missing or may not be run."""
    return WorkerError(f"{ffmpeg_program()!r} cannot be started: {e.strerror}.", "`redact doctor` says how to get it.")


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as ffmpeg gave it, in stored orientation, 8 bit: ``y`` (H, W), ``u`` and ``v`` (ceil(H/2), ceil(W/2))."""

    number: int
    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]

    def rgb(self) -> NDArray[np.uint8]:
        """The picture as RGB (H, W, 3), in stored orientation, by the BT.601 matrix (for looking, not for keeping)."""
        h, w = self.y.shape
        chroma = [cv2.resize(c, (w, h), interpolation=cv2.INTER_LINEAR) for c in (self.v, self.u)]
        return np.asarray(cv2.cvtColor(np.dstack([self.y, *chroma]), cv2.COLOR_YCrCb2RGB), np.uint8)

    def view(self, display: Display, size_px: int) -> View:
        """The picture as a detector sees it: upright, square-pixelled, at ``shown_share`` of its size."""
        dw, dh = display.size
        shrink = shown_share(dw, dh, size_px)
        w, h = max(1, round(dw * shrink)), max(1, round(dh * shrink))
        stored = (h, w) if display.rotation in (90, 270) else (w, h)
        planes = [cv2.resize(c, stored, interpolation=cv2.INTER_AREA) for c in (self.y, self.v, self.u)]
        small = cv2.cvtColor(np.dstack(planes), cv2.COLOR_YCrCb2RGB)
        if display.rotation:
            small = np.rot90(small, k=-display.rotation // 90)
        return View(np.ascontiguousarray(small), (w / dw, h / dh))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a file that begins at a keyframe: from ``start_seconds`` on (None: from its start), ``frames`` frames.

    ``frames`` None: all that follow. ``start_seconds`` lies between the last frame before and the first one.
    """

    start_seconds: Fraction | None = None
    frames: int | None = None


_GREY = "gray"
PLACE = "the release"
"""Stands for the file in what ``command`` is given."""


def command(output: Any, file: Path) -> list[str]:
    """The command line that makes an output of ffmpeg-python from ``file``, of which it reports nothing but errors."""
    words = output.global_args("-v", "error", "-nostdin").compile(ffmpeg_program())
    # The library takes no name that is not Unicode.
    return [f"file:{file}" if word == PLACE else str(word) for word in words]


class Witness:
    """Decodes ``file`` frame by frame in an ffmpeg process.

    Iterate over ``pictures()`` to the end, then read ``times`` (presentation time of every frame,
    in ``time_base`` seconds) and ``errors`` (what ffmpeg reported; empty for a clean file).
    """

    def __init__(self, file: Path, width: int, height: int, stretch: Stretch | None = None) -> None:
        self._file, self._stretch = file, stretch or Stretch()
        self._width, self._height = width, height
        self.times: list[int] = []
        self.time_base = Fraction(1)
        self.errors: list[str] = []

    def pictures(self) -> Iterator[Picture]:
        """Yields every frame; ``number`` counts from 0.

        Raises WorkerError where ffmpeg cannot be started, or is killed.
        """
        w, h = self._width, self._height
        cw, ch = -(-w // 2), -(-h // 2)
        grey = np.full(cw * ch, 128, np.uint8)
        with tempfile.TemporaryDirectory(prefix="redact-witness-") as folder:
            table = Path(folder) / "times"
            try:
                with (Path(folder) / "log").open("wb") as log:
                    # In a session of its own: the Ctrl-C of a terminal would end it, and look like a broken release.
                    words, pixels = self._command(table)
                    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
            except OSError as e:
                raise cannot_be_started(e) from None
            assert process.stdout is not None
            size = w * h + (0 if pixels == _GREY else 2 * cw * ch)
            try:
                number = 0
                while len(data := process.stdout.read(size)) == size:
                    flat = np.frombuffer(data, np.uint8)
                    y, u, v = (flat, grey, grey) if pixels == _GREY else np.split(flat, [w * h, w * h + cw * ch])
                    yield Picture(number, y.reshape(h, w), u.reshape(ch, cw), v.reshape(ch, cw))
                    number += 1
            finally:
                process.stdout.close()
                if process.poll() is None:
                    process.terminate()
                process.wait()
            log_lines = (Path(folder) / "log").read_text(errors="replace").splitlines()
            self.errors = [line for line in log_lines if line.strip()]
            if process.returncode < 0:
                name = signal.Signals(-process.returncode).name
                raise WorkerError(f"The ffmpeg that checks the release was ended from outside ({name}).", "Run again.")
            if process.returncode:
                self.errors.append(f"ffmpeg ended with exit code {process.returncode}")
            self._read(table)

    def _command(self, table: Path) -> tuple[list[str], str]:
        """The command line, and the format of the pixels that it writes."""
        # One thread: a second costs 50 MiB at 1080p and a tenth of the CPU time; other workers have the other cores.
        where: dict[str, Any] = {"noautorotate": None, "copyts": None, "threads": 1}
        with open_source(self._file) as container:
            began = Fraction(container.start_time or 0, av.time_base)
            base = container.streams[0].time_base or Fraction(1, 1000)
            stored = container.streams.video[0].codec_context.pix_fmt or ""
        # Between grey and colour ffmpeg would change the range of the samples.
        written = _GREY if stored.startswith(_GREY) else "yuv420p"
        if self._stretch.start_seconds is not None:
            # ffmpeg counts the place to begin at from the start of the file, whatever time it gives it.
            where["ss"] = f"{float(self._stretch.start_seconds - began):.6f}"
        # The file's own ticks for both: in ticks of a frame's length, frames that are close together would be one.
        ticks = f"{base.numerator}/{base.denominator}"  # "demux" would say the same, but only from ffmpeg 6.1 on
        how: dict[str, Any] = {"fps_mode": "passthrough", "enc_time_base": ticks}
        if self._stretch.frames is not None:
            how["frames:v"] = self._stretch.frames
        source = ffmpeg.input(PLACE, **where)["0"]
        pixels = ffmpeg.output(source, "pipe:1", format="rawvideo", pix_fmt=written, sws_flags="area", **how)
        # One line a frame with its exact time; the pixels' hash is cut to the shortest there is.
        stamps = ffmpeg.output(source, str(table), format="framehash", hash="adler32", **how)
        return command(ffmpeg.merge_outputs(pixels, stamps), self._file), written

    def _read(self, table: Path) -> None:
        for line in table.read_text().splitlines() if table.exists() else ():
            if line.startswith("#tb 0:"):
                self.time_base = Fraction(line.split(":")[1].strip())
            elif not line.startswith("#"):
                self.times.append(int(line.split(",")[2]))
