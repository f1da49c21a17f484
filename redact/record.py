"""The release record: canonical JSON that says what was done, and identifies nobody.

Canonical: UTF-8, keys sorted, no spaces, one line feed at the end (RFC 8785 without its number
rules, which are not needed: every number here is an integer or has at most three decimals).
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from redact.errors import RecipeError
from redact.findings import RedactionPlan
from redact.media.sound import BrokenSound
from redact.media.witness import ffmpeg_versions
from redact.plan_io import plan_sha256
from redact.policy import Policy
from redact.scope import EVERYTHING, Scope, parse_scope, scope_contents
from redact.verdict import Verdict

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FileId:
    """A file by digest and size; its name is only what the operator called it."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DetectorId:
    """A detector by name, the digest of its weights, and the device it ran on."""

    name: str
    sha256: str
    device: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What of the source is in the release and what was left behind, by name."""

    streams_kept: tuple[str, ...]
    streams_dropped: tuple[str, ...]
    metadata_dropped: tuple[str, ...]


@cache
def code_sha256() -> str:
    """Digest of redact's own code as it runs: every .py file of the package by name and content.

    Read once: files that are replaced under a running process are not what it runs.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions of redact, Python, the libraries whose results are in the release, and the program that checked it."""
    found = {"python": platform.python_version()}
    for name in ("redact", "av", "numpy", "onnxruntime", "opencv-python", "pillow", "pillow-heif", "torch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found | ffmpeg_versions()


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes of plain data."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def make_record(
    *,
    source: FileId,
    output: FileId | None,
    plan: RedactionPlan,
    policy: Policy,
    detectors: Sequence[DetectorId],
    kept: Kept,
    verdict: Verdict,
    obscured_frames: int,
    black: Mapping[int, str],
    repairs: int,
    seconds: Mapping[str, float],
    silenced: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
    scope: Scope = EVERYTHING,
    request: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Builds the record as plain data. ``output`` is None where nothing was released.

    ``black`` gives, for each blackened frame, why; ``silenced`` where damaged sound is silent; ``notes``
    what else is to be known; ``seconds`` how long each stage took.
    """
    tracks = Counter(str(t.kind) for t in plan.tracks)
    return {
        "schema": SCHEMA,
        "verdict": "released" if output and verdict.passed else "quarantined",
        "source": asdict(source)
        | {"frames": plan.source.frames, "width": plan.source.width, "height": plan.source.height},
        "output": asdict(output) if output else None,
        "plan": {"sha256": plan_sha256(plan)},
        "recipe": {"sha256": policy.sha256, "values": policy.model_dump(mode="json", by_alias=True)},
        "detectors": [asdict(d) for d in detectors],
        "code": {"sha256": code_sha256(), "versions": versions()},
        "found": {"tracks": dict(sorted(tracks.items())), "examined_frames": plan.examined},
        "obscured": {"frames": obscured_frames},
        "black_frames": [{"frame": i, "reason": r} for i, r in sorted(black.items())],
        "silenced": [dict(s) for s in silenced],
        "notes": list(notes),
        "streams": asdict(kept),
        "verification": {
            "passed": verdict.passed,
            "repairs": repairs,
            "checks": [asdict(c) for c in verdict.checks],
        },
        "scope": scope_contents(scope),
        "request": dict(request or {}),
        "times_s": {k: round(v, 3) for k, v in seconds.items()},
    }


@dataclass(frozen=True, slots=True)
class KnownRelease:
    """What a record says that verification needs."""

    source_sha256: str
    output_sha256: str
    plan_sha256: str
    policy: Policy
    scope: Scope
    silenced: tuple[BrokenSound, ...]


def read_record(file: Path) -> KnownRelease:
    """Reads a record. Raises RecipeError where it cannot be read, is of another schema or tells of no release."""
    remedy = "Give the .record.json file that lies beside the release."
    try:
        r = json.loads(file.read_text(encoding="utf-8"))
        if r["schema"] != SCHEMA:
            raise RecipeError(f"{str(file)!r}: is a record of schema {r['schema']}, not {SCHEMA}.", remedy)
        policy = Policy.model_validate_json(json.dumps(r["recipe"]["values"]))
        scope = parse_scope(r["scope"])
        silenced = tuple(_silenced(s) for s in r["silenced"])
        return KnownRelease(r["source"]["sha256"], r["output"]["sha256"], r["plan"]["sha256"], policy, scope, silenced)
    except OSError as e:
        raise RecipeError(f"{str(file)!r}: the record cannot be read: {e.strerror}.", remedy) from None
    except (ValueError, KeyError, TypeError):
        raise RecipeError(f"{str(file)!r}: is not a release record.", remedy) from None


def _silenced(kept: Mapping[str, Any]) -> BrokenSound:
    start, end = (Fraction(str(kept[k])) for k in ("start_s", "end_s"))  # as written, not as a float
    return BrokenSound(start, end, str(kept["reason"]))
