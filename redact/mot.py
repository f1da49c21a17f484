"""The plan as a table for other tools: MOTChallenge CSV. Nothing reads it back."""

from __future__ import annotations

import csv
import io

from redact.findings import Kind, RedactionPlan
from redact.track import RegionsByFrame


def to_mot(plan: RedactionPlan) -> str:
    """The final regions as MOTChallenge CSV.

    Columns: frame and track from 1, x, y, width, height, 1, class (1 face, 2 plate, 3 zone), 1.
    """
    classes = {Kind.FACE: 1, Kind.PLATE: 2, Kind.ZONE: 3}
    regions = RegionsByFrame(plan)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for i in range(plan.source.frames):
        for r in regions.at(i):
            b = r.box
            rows.writerow([i + 1, r.track, int(b.x1), int(b.y1), int(b.width), int(b.height), 1, classes[r.kind], 1])
    return text.getvalue()
