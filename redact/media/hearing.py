"""A second pair of ears: how loud a file is, when, as an ffmpeg process of its own hears it."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from redact.errors import WorkerError
from redact.media.audio import Stretch
from redact.media.container import open_source
from redact.media.witness import cannot_be_started, ffmpeg_program

_SAMPLES = 256  # for each of which the loudest sample is told
# A frame of AAC is 1024 samples and overlaps the next (ISO/IEC 14496-3): so far into a mute its neighbour is heard.
_SMEARED = 2048 + _SAMPLES
_TIME = re.compile(rb"pts_time:(\S+)")
_PEAK = re.compile(rb"Peak_level=(\S+)")


@dataclass(frozen=True, slots=True)
class Sound:
    """The loudest that is heard: ``level`` in dB, 0 for full scale and minus infinity for silence, at ``seconds``."""

    level: float
    seconds: float


def loudest(file: Path, silent: Sequence[Stretch], ahead: Fraction) -> Sound:
    """The loudest sound of all streams within stretches that are to be silent.

    ``silent``: in seconds of the file's clock, once ``ahead`` is added. What lies so near to an end that the coding
    smears into it what is beside, at most 2304 samples, is not judged. Raises WorkerError where ffmpeg cannot be
    started or fails, SourceError where the file cannot be read.
    """
    with open_source(file) as container:
        rates = [s.codec_context.sample_rate for s in container.streams.audio]
    found = Sound(-math.inf, 0.0)
    for number, rate in enumerate(rates):
        spare, length = Fraction(_SMEARED, rate), Fraction(_SAMPLES, rate)
        judged = [
            Stretch(s.start + spare, None if s.end is None else s.end - spare - length)
            for s in (stretch.later(ahead) for stretch in silent)
        ]
        for at, level in _levels(file, number):
            if any(s.covers(Fraction(at), Fraction(at)) for s in judged) and level > found.level:
                found = Sound(level, at - float(ahead))
    return found


def _levels(file: Path, number: int) -> Iterator[tuple[float, float]]:
    """(seconds of the file's clock, dB) of the loudest sample of every 256 in one of its audio streams."""
    meter = (
        f"asetnsamples=n={_SAMPLES}:p=0,astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level,"
        "ametadata=mode=print:key=lavfi.astats.Overall.Peak_level:file=-"
    )
    command = [ffmpeg_program(), "-v", "error", "-nostdin", "-copyts", "-i", f"file:{file}", "-map", f"0:a:{number}"]
    try:
        process = subprocess.Popen(
            [*command, "-af", meter, "-f", "null", "-"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as e:
        raise cannot_be_started(e) from None
    assert process.stdout is not None
    at = math.nan
    with process:
        for line in process.stdout:
            time, peak = _TIME.search(line), _PEAK.search(line)
            if time:
                at = float(time[1])
            if peak:
                yield at, float(peak[1])
    if process.returncode:
        raise WorkerError(f"{str(file)!r}: ffmpeg cannot decode its sound (exit code {process.returncode}).")
