"""How damage spreads in a stream: to what may refer to it, as a decoder would take it, packet by packet. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from redact.media.source import NO_PTS, Excerpt, PacketTable


class Trail:
    """How damage spreads, packet by packet in decode order. ``reason``: why the first packets cannot be trusted."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        self.before: str | None = None
        """What was wrong ahead of the last place where decoding may begin."""
        self.place = NO_PTS
        """When the picture of that place is shown, or its packet's number."""

    def next(self, key: int, *, begins: bool, reason: str | None) -> str | None:
        """Why the packet shown at ``key`` cannot be trusted; ``reason``: what the decoder says of it."""
        if begins:
            self.before, self.reason, self.place = self.reason, None, key
        self.reason = reason or self.reason
        return self.reason or (self.before if key < self.place else None)


def begins(table: PacketTable, row: int) -> bool:
    """Whether decoding may begin at a packet; not so at one that shares its time: a picture was torn apart there."""
    if row >= len(table) or not table.seekable[row]:
        return False
    here = table.pts[max(row - 1, 0) : row + 2]
    return bool(table.pts[row] == NO_PTS or (here == table.pts[row]).sum() == 1)


def followers(source: Excerpt, row: int) -> Iterator[int]:
    """Rows of the packet table that may refer to the picture of ``row``, itself included, by the same rule."""
    t = source.packets
    place: int | None = None
    for r in range(row, len(t)):
        if r > row and begins(t, r):
            if place is not None:
                return
            place = int(t.pts[r])
        elif place is None or t.pts[r] < place:
            yield r
        else:
            return
