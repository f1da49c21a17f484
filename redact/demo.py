"""Makes a short street-like clip out of photographs that the dependencies carry, with all that must not get out.

The photographs are the two that ultralytics ships (bus.jpg, zidane.jpg). The clip has camera
motion, people who enter and leave, a cut, a license plate, sound, a GPS tag and a thumbnail.
"""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from redact.errors import WorkerError
from redact.media.witness import ffmpeg_program

SIZE = (1280, 720)
RATE = 25
SECONDS = 6
LOCATION = "+29.5630+106.5516/"
Pixels = NDArray[np.uint8]


def photograph(name: str) -> Pixels:
    """One of ultralytics' photographs as RGB (H, W, 3). Raises WorkerError where it is not installed."""
    spec = importlib.util.find_spec("ultralytics")
    file = Path(spec.origin).parent / "assets" / name if spec and spec.origin else None
    if file is None or not file.is_file():
        raise WorkerError(f"The photograph {name} is missing.", "pip install ultralytics")
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def draw_plate() -> Pixels:
    """A license plate as RGB (60, 240, 3), black on white."""
    plate = np.full((60, 240, 3), 245, np.uint8)
    cv2.rectangle(plate, (2, 2), (237, 57), (30, 30, 30), 2)
    cv2.putText(plate, "B 7731 KX", (14, 43), cv2.FONT_HERSHEY_DUPLEX, 1.25, (20, 20, 20), 2, cv2.LINE_AA)
    return plate


def _crop(image: Pixels, x: float, y: float, width: float) -> Pixels:
    """A 16:9 part of a picture at sub-pixel place ``x``, ``y``, shown at the clip's size."""
    s = SIZE[0] / width
    move = np.array([[s, 0, -x * s], [0, s, -y * s]], np.float64)
    return np.asarray(cv2.warpAffine(image, move, SIZE, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT), np.uint8)


def frames() -> Iterator[Pixels]:
    """The clip's frames, RGB (720, 1280, 3): a pan along a street, a cut, a pan over two people."""
    street = photograph("bus.jpg").copy()
    plate = cv2.resize(draw_plate(), (120, 30), interpolation=cv2.INTER_AREA)
    street[668:698, 330:450] = plate
    people = photograph("zidane.jpg")
    half = RATE * SECONDS // 2
    for i in range(half):
        t = i / (half - 1)
        yield _crop(street, 10 + 60 * t + 3 * np.sin(i / 5), 330 + 70 * t, 700 - 40 * t)
    for i in range(half):
        t = i / (half - 1)
        # One enters from the left while the other leaves to the right: faces are cut by the edge on the way.
        yield _crop(people, 480 * (1 - t), 20 + 60 * np.sin(t * 3), 800)


def make_clip(file: Path) -> None:
    """Writes the clip as H.264 with AAC sound, a location tag and an attached thumbnail.

    Raises WorkerError where ffmpeg fails.
    """
    with tempfile.TemporaryDirectory(prefix="redact-demo-") as name:
        folder = Path(name)
        silent, thumbnail = folder / "silent.mp4", folder / "thumbnail.jpg"
        with av.open(str(silent), "w") as container:
            stream = container.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
            for n, pixels in enumerate(frames()):
                if n == 0:
                    Image.fromarray(pixels).save(thumbnail)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        video = ffmpeg.input(str(silent))
        tone = ffmpeg.input(f"sine=frequency=330:duration={SECONDS}", format="lavfi")
        cover = ffmpeg.input(str(thumbnail))
        options = {
            "c:v:0": "copy",
            "c:v:1": "mjpeg",
            "disposition:v:1": "attached_pic",
            "c:a": "aac",
            "metadata": f"location={LOCATION}",
        }
        command = ffmpeg.output(video["v"], tone["a"], cover["v"], f"file:{file}", **options)
        command = command.global_args("-v", "error", "-nostdin").overwrite_output().compile(ffmpeg_program())
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise WorkerError(f"{str(file)!r}: ffmpeg failed: {done.stderr.strip()}.", "`redact doctor` tests ffmpeg.")


def picture_pairs(before: Path, after: Path, folder: Path, moments: tuple[float, ...] = (0.2, 0.7)) -> list[Path]:
    """Writes pictures with the source's frame left and the release's right, at shares of the clip's length."""
    written = []
    with av.open(str(before)) as a, av.open(str(after)) as b:
        total = SECONDS * RATE
        wanted = {int(m * total): m for m in moments}
        for n, (x, y) in enumerate(zip(a.decode(video=0), b.decode(video=0), strict=False)):
            if n in wanted:
                both = np.hstack([x.to_ndarray(format="rgb24"), y.to_ndarray(format="rgb24")])
                file = folder / f"before-after-{n}.png"
                Image.fromarray(both).resize((SIZE[0], SIZE[1] // 2)).save(file)
                written.append(file)
    return written
