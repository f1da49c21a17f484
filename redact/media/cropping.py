"""Tells how much of its coded picture a video keeps from being shown, which anybody can bring back.

Coding is done in blocks, and a picture whose size is no multiple of theirs is filled up at its right and bottom.
Whatever more is cut off was a picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import av.logging
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from av.packet import Packet

SEQUENCE_PARAMETER_SETS = {"h264": 7, "hevc": 33}
"""Their type among NAL units (ITU-T H.264 table 7-1, H.265 table 7-1)."""
_BEGINS = "Sequence Parameter Set"
# Samples: a macroblock, and the largest that x265 has for its smallest coding units, to which it fills up.
_BLOCK = 16
_FIELD = re.compile(r"([\w\[\]]+)\s+[01]+ = (-?\d+)\s*$")


class Cropping:
    """Reads the parameter sets of a stream, those ahead of its packets at once.

    The library's own header parser reads them (the trace_headers filter, which tells them in its log).
    """

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context.name
        self.hidden = 0
        """Columns or rows at the most that are coded, are no filling, and are not shown."""
        if self._codec in SEQUENCE_PARAMETER_SETS:
            with _log() as logs:
                self._filter = BitStreamFilterContext("trace_headers", stream)
            self._take(logs)

    def read(self, packet: Packet[Any]) -> None:
        """Reads a packet that holds parameter sets; it is empty afterwards."""
        with _log() as logs:
            self._filter.filter(packet)
        self._take(logs)

    def _take(self, logs: Iterable[tuple[int, str, str]]) -> None:
        for fields in _sets(text for _, _, text in logs):
            self.hidden = max(self.hidden, _hidden(self._codec, fields))


@contextmanager
def _log() -> Iterator[list[tuple[int, str, str]]]:
    """What the library logs meanwhile, headers that it traces too."""
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as logs:
            yield logs
    finally:
        av.logging.set_level(av.logging.ERROR)


def _sets(lines: Iterable[str]) -> Iterator[dict[str, int]]:
    """The fields of each sequence parameter set in a trace, by name."""
    fields: dict[str, int] | None = None
    for line in lines:
        found = _FIELD.search(line)
        if found is None:
            if fields:
                yield fields
            fields = {} if line.startswith(_BEGINS) else None
        elif fields is not None:
            fields.setdefault(found[1], int(found[2]))
    if fields:
        yield fields


def _hidden(codec: str, fields: dict[str, int]) -> int:
    """Columns or rows that a sequence parameter set cuts off beyond filling (H.264 7.4.2.1.1, H.265 7.4.3.2.1)."""
    chroma = fields.get("chroma_format_idc", 1)
    across, down = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
    fields_of_two = 1
    if codec == "h264":
        fields_of_two = 2 - fields.get("frame_mbs_only_flag", 1)
        down *= fields_of_two

    def cut(side: str) -> int:
        names = (f"frame_crop_{side}_offset", f"conf_win_{side}_offset", f"def_disp_win_{side}_offset")
        return sum(fields.get(n, 0) for n in names)

    wide, high = cut("right") * across, cut("bottom") * down
    filled_up = (wide if wide >= _BLOCK else 0, high if high >= _BLOCK * fields_of_two else 0)
    return max(cut("left") * across, cut("top") * down, *filled_up)
