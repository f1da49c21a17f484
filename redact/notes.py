"""What whoever hands a release out must know of it besides what was found: sentences for people, kept in the record."""

from __future__ import annotations

from redact.media.source import Source
from redact.policy import Policy
from redact.scope import Scope


def notes_on(source: Source, policy: Policy, scope: Scope) -> tuple[str, ...]:
    """One sentence each: its damage, what it lacks of what was asked for, and that one detector looked alone."""
    found = [f"The source is damaged: {'; '.join(source.damage)}."] if source.damage else []
    end = scope.period.end
    if end is not None and float(end) > source.seconds:
        lasts = f"the video, which lasts {source.seconds:.3f} s"
        found.append(f"The part that was asked for, {scope.period}, ends after {lasts}.")
    if scope.mutes and policy.audio.mode != "keep":
        found.append("Nothing was muted: the recipe leaves all sound behind.")
    elif scope.mutes and not any(s.type == "audio" for s in source.others):
        found.append("Nothing was muted: the source has no sound.")
    looked = {*policy.detect.detectors, *policy.detect.second_detectors, *(v.detector for v in policy.verifiers)}
    if len(looked) == 1:
        found.append(f"Only {looked.pop()} looked, also at the release: what it misses, no other detector could find.")
    return tuple(found)
