"""Makes one list of what several detectors found in the same frame."""

from __future__ import annotations

from collections.abc import Iterable

from redact.findings import Detection

SAME = 0.45  # IoU from which two findings of a kind are taken for the same object


def unite(detections: Iterable[Detection]) -> tuple[Detection, ...]:
    """Findings without doubles, best first. Does not depend on the order given.

    Doubles become one with the best score and the box around all: two detectors frame a head
    differently, and what either of them saw is to be covered.
    """
    out: list[Detection] = []
    for d in sorted(detections, key=lambda d: (-d.score, d.kind, d.box.edges)):
        for i, kept in enumerate(out):
            if kept.kind is d.kind and kept.box.iou(d.box) >= SAME:
                out[i] = Detection(kept.kind, kept.box.union(d.box), kept.score)
                break
        else:
            out.append(d)
    return tuple(out)
