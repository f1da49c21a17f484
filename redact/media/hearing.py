"""A second pair of ears: how loud a file is, when, as an ffmpeg process of its own hears it."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile

import ffmpeg

from redact.errors import WorkerError
from redact.media.audio import Stretch
from redact.media.container import open_source
from redact.media.witness import PLACE, cannot_be_started, command

_SAMPLES = 256  # for each of which the loudest sample is told
# A frame of AAC is 1024 samples and overlaps the next (ISO/IEC 14496-3): so far into a mute its neighbour is heard.
_SMEARED = 2048 + _SAMPLES


@dataclass(frozen=True, slots=True)
class Sound:
    """The loudest that is heard: ``level`` in dB, 0 for full scale and minus infinity for silence, at ``seconds``."""

    level: float
    seconds: float


def loudest(file: Path, silent: Sequence[Stretch], ahead: Fraction) -> Sound:
    """The loudest sound of all streams within stretches that are to be silent.

    ``silent``: in seconds of the file's clock, once ``ahead`` is added. What lies so near to an end that the coding
    smears into it what is beside, at most 2304 samples, is not judged. Raises WorkerError where ffmpeg cannot be
    started or reports an error, SourceError where the file cannot be read.
    """
    with open_source(file) as container:
        rates = [s.codec_context.sample_rate for s in container.streams.audio]
    found = Sound(-math.inf, 0.0)
    for number, rate in enumerate(rates):
        spare, length = _SMEARED / rate, _SAMPLES / rate
        judged = [
            (float(s.start + ahead) + spare, math.inf if s.end is None else float(s.end + ahead) - spare - length)
            for s in silent
        ]
        for at, level in _levels(file, number):
            if level > found.level and any(a <= at <= b for a, b in judged):
                found = Sound(level, at - float(ahead))
    return found


def _levels(file: Path, number: int) -> Iterator[tuple[float, float]]:
    """(seconds of the file's clock, dB) of the loudest sample of every 256 in one of its audio streams."""
    sound = ffmpeg.input(PLACE, copyts=None)[f"a:{number}"].filter("asetnsamples", n=_SAMPLES, p=0)
    told = "lavfi.astats.Overall.Peak_level"
    level = sound.filter("astats", metadata=1, reset=1, measure_perchannel="none", measure_overall="Peak_level")
    printed = level.filter("ametadata", mode="print", key=told, file="-")
    words = command(ffmpeg.output(printed, "-", format="null"), file)
    with TemporaryFile() as log:
        try:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        except OSError as e:
            raise cannot_be_started(e) from None
        assert process.stdout is not None
        at = math.nan
        with process:
            for line in process.stdout:
                before, is_level, value = line.partition(f"{told}=")
                if is_level:
                    yield at, float(value)
                else:
                    at = float(before.rpartition("pts_time:")[2])
        log.seek(0)
        wrong = log.readline().decode(errors="replace").strip()
    if wrong or process.returncode:
        raise WorkerError(f"{str(file)!r}: ffmpeg cannot decode its sound ({wrong or process.returncode}).")
