"""Just enough of the H.264 and H.265 byte stream to tell where decoding may begin.

Sources: ITU-T H.264 (2021) table 7-1, ITU-T H.265 (2021) table 7-1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import av.logging
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

_H264_IDR = 5
_H265_IRAP = range(16, 24)  # BLA, IDR and CRA pictures


def _length_size(codec: str, extradata: bytes) -> int:
    """Bytes of the length field ahead of each NAL unit; 0 where start codes are used (Annex B)."""
    if len(extradata) > 22 and extradata[0] == 1:
        return (extradata[4] if codec == "h264" else extradata[21]) % 4 + 1
    if codec == "h264" and len(extradata) > 6 and extradata[0] == 1:
        return extradata[4] % 4 + 1
    return 0


def _nal_headers(data: memoryview, length_size: int) -> Iterator[int]:
    """First header byte of each NAL unit in an access unit; stops quietly where the lengths are broken."""
    if length_size:
        at = 0
        while at + length_size < len(data):
            size = int.from_bytes(data[at : at + length_size], "big")
            yield data[at + length_size]
            at += length_size + size
        return
    raw = bytes(data)
    at = raw.find(b"\x00\x00\x01")
    while 0 <= at < len(raw) - 3:
        yield raw[at + 3]
        at = raw.find(b"\x00\x00\x01", at + 3)


def nal_types(codec: str, extradata: bytes | None, packet: memoryview) -> set[int]:
    """Types of the NAL units in an H.264 or H.265 packet; empty for other codecs."""
    if codec not in ("h264", "hevc"):
        return set()
    headers = _nal_headers(packet, _length_size(codec, extradata or b""))
    return {h & 31 if codec == "h264" else (h >> 1) & 63 for h in headers}


_UNREADABLE = {"h264": 31, "hevc": 63}  # types that no standard gives a meaning


def header_types(codec: str, extradata: bytes | None) -> set[int]:
    """Types of the NAL units ahead of the packets, in what a decoder of H.264 or H.265 is set up with.

    What is left over behind them counts as a unit of a type that nothing has. Empty for other codecs.
    """
    if codec not in _UNREADABLE or not extradata:
        return set()
    if extradata[0] != 1:  # start codes
        return nal_types(codec, None, memoryview(extradata))
    records = _avcc(extradata) if codec == "h264" else _hvcc(extradata)
    try:
        return {_UNREADABLE[codec] if h < 0 else h & 31 if codec == "h264" else (h >> 1) & 63 for h in records}
    except IndexError:
        return {_UNREADABLE[codec]}


def _avcc(data: bytes) -> Iterator[int]:
    """First byte of each NAL unit in an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1); -1 for what is more.

    Raises IndexError where it is cut off.
    """
    at = 5
    for mask in (31, 255):
        units, at = data[at] & mask, at + 1
        for _ in range(units):
            yield data[at + 2]
            at += 2 + int.from_bytes(data[at : at + 2], "big")
    if at == len(data):
        return
    # Of high profiles: chroma format and depths, 6, 5 and 5 bits of ones ahead of them, and no set of another sort.
    more = data[at : at + 4]
    if len(data) != at + 4 or more[0] < 0xFC or more[1] < 0xF8 or more[2] < 0xF8 or more[3]:
        yield -1


def _hvcc(data: bytes) -> Iterator[int]:
    """First byte of each NAL unit in an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1); -1 as above.

    Raises IndexError where it is cut off.
    """
    at = 23
    for _ in range(data[22]):
        units, at = int.from_bytes(data[at + 1 : at + 3], "big"), at + 3
        for _ in range(units):
            yield data[at + 2]
            at += 2 + int.from_bytes(data[at : at + 2], "big")
    if at != len(data):
        yield -1


def may_begin_here(codec: str, extradata: bytes | None, packet: memoryview) -> bool:
    """Whether a packet flagged as keyframe is one from which everything shown later decodes whole.

    H.264: only an IDR picture; a recovery point may need up to its recovery count of frames.
    H.265: any IRAP picture; its skipped leading pictures are shown before it. Other codecs: the
    container's flag is taken.
    """
    if codec == "h264":
        return _H264_IDR in nal_types(codec, extradata, packet)
    if codec == "hevc":
        return not nal_types(codec, extradata, packet).isdisjoint(_H265_IRAP)
    return True


def gaps_allowed(stream: VideoStream) -> bool:
    """Whether an H.264 stream may leave out pictures on purpose, as temporally layered ones do.

    That is gaps_in_frame_num_value_allowed_flag of its sequence parameter set, read by the
    library's own header parser (the trace_headers filter, which tells it in its log).
    """
    av.logging.set_level(av.logging.INFO)
    with av.logging.Capture() as logs:
        BitStreamFilterContext("trace_headers", stream)
    av.logging.set_level(av.logging.ERROR)
    found = [re.search(r"gaps_in_frame_num_allowed_flag\s.*= (\d)", text) for _, _, text in logs]
    return any(m is not None and m[1] == "1" for m in found)
