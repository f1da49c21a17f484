"""What is to be known of a release besides what was found is said: in line, record, table and report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import av
import pytest
from clips import Clip, write_clip
from commands import redact, refused

import redact as package
from redact.errors import SourceError, UsageError
from redact.period import Period
from redact.run.local import LocalRunner
from redact.scope import Scope, scope_sentences
from redact.zones import Zone, parse_points


def _half(file: Path) -> Path:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    return file


def _mp4(file: Path, flags: str) -> Path:
    """A clip in an MP4 that is laid out as ``flags`` say."""
    whole = write_clip(file.with_name("whole.mp4"), Clip())
    with av.open(str(whole)) as a, av.open(str(file), "w", options={"movflags": flags}) as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for p in (q for q in a.demux(video=0) if q.size):
            p.stream = stream
            b.mux(p)
    whole.unlink()
    return file


@pytest.mark.parametrize("kind", ["mkv", "index in front", "fragments"])
def test_a_source_that_ends_early_is_said_to(kind: str, tmp_path: Path) -> None:
    match kind:
        case "mkv":
            source, says = write_clip(tmp_path / "in.mkv", Clip()), "announces 2.0 s"
        case "fragments":  # as cameras write that may lose power
            source, says = _mp4(tmp_path / "in.mp4", "frag_keyframe+empty_moov"), "bytes too early"
        case _:
            source, says = _mp4(tmp_path / "in.mp4", "faststart"), "announces 50 frames"
    _half(source)
    output = tmp_path / f"out{source.suffix}"
    refused(redact("run", source, "-o", output, cwd=tmp_path), 3, "`--recipe export-batch`")
    done = redact("run", source, "-o", output, "--recipe", "export-batch", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "note: The source is damaged: " in done.stdout
    assert says in done.stdout
    (note,) = json.loads((tmp_path / f"{output.name}.record.json").read_text())["notes"]
    assert note in done.stdout


def test_a_whole_source_has_no_notes(plain_clip: Path, tmp_path: Path, runner: LocalRunner) -> None:
    scope = Scope(Period(0, 1))
    assert package.run(plain_clip, tmp_path / "a.mp4", "export-batch", runner=runner).notes == ()
    assert package.run(plain_clip, tmp_path / "b.mp4", scope=scope, runner=runner).notes == ()


def test_a_zone_at_a_time_that_the_video_does_not_have(plain_clip: Path, tmp_path: Path, runner: LocalRunner) -> None:
    zone = Zone("screen", parse_points("0.1,0.1 0.2,0.1 0.2,0.2"), "by the door", Period(5, 6))
    with pytest.raises(UsageError, match=r"shows no frame in 0:00:05-0:00:06, the time of the zone 'by the door'"):
        package.run(plain_clip, tmp_path / "out.mp4", scope=Scope(zones=(zone,)), runner=runner)


def test_the_scope_for_people() -> None:
    corners = parse_points("0.1,0.1 0.2,0.1 0.2,0.2")
    zones = (Zone("screen", corners), Zone("gate", corners, "north", Period(2)))
    scope = Scope(Period(1, 3), zones, (Period(1, 2),))
    assert scope_sentences(scope) == (
        "part 0:00:01-0:00:03",
        "zone screen",
        "zone north 0:00:02-",
        "mute 0:00:01-0:00:02",
    )
    assert scope_sentences(Scope()) == ()


def test_a_batch_tells_what_was_handed_out(plain_clip: Path, tmp_path: Path) -> None:
    """Who asked, who carried it out, on what ground, for which part; what was asked for and could not be done."""
    loud = write_clip(tmp_path / "loud.mp4", Clip(audio=True))
    rows = [
        {"id": "late", "source": str(plain_clip), "start": 1, "end": 9, "zones": ["screen by the door: 0,0 1,0 1,1"]},
        {"id": "dropped", "source": str(loud), "mute": ["0-1"]},
        {"id": "silent", "source": str(plain_clip), "mute": ["0-1"], "recipe": "export-batch"},
        {"id": "muted", "source": str(loud), "mute": ["0-1"], "recipe": "export-batch"},
    ]
    every = {"operator": "window 3", "purpose": "a copy", "legal_basis": "article 27", "requester": "the injured party"}
    asked = tmp_path / "requests.jsonl"
    asked.write_text("".join(json.dumps(every | r) + "\n" for r in rows))
    done = redact("batch", asked, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8-sig") as f:
        table = {r["id"]: r for r in csv.DictReader(f)}
    assert {i: r["notes"] for i, r in table.items()} == {
        "late": "The part that was asked for, 0:00:01-0:00:09, ends after the video, which lasts 2.000 s.",
        "dropped": "Nothing was muted: the recipe leaves all sound behind.",
        "silent": "Nothing was muted: the source has no sound.",
        "muted": "",
    }
    assert table["late"]["asked"] == "part 0:00:01-0:00:09; zone by the door"
    assert {k: table["late"][k] for k in every} == every
    page = (tmp_path / "out" / "report.html").read_text()
    for text in (*every.values(), *(r["notes"] for r in table.values()), "zone by the door", "mute 0:00:00-0:00:01"):
        assert text in page
    assert done.stdout.count("note: ") == 3


def test_damage_names_the_recipe_that_takes_it(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip())
    data = bytearray(source.read_bytes())
    middle = data.index(b"mdat") + len(data) // 3
    data[middle : middle + 300] = bytes(300)
    source.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        package.run(source, tmp_path / "out.mp4")
    assert "`--recipe export-batch`" in caught.value.remedy
