"""From a file of requests to the jobs that carry them out; every request is checked before any work.

A job is one source file of one request. Nothing here opens a video.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from redact.batch.problems import Problem, RequestError
from redact.batch.requests import (
    Listing,
    Request,
    Surroundings,
    parse_requests,
    request_contents,
)
from redact.batch.rows import FORMATS, read_rows
from redact.batch.sources import Found, find_sources
from redact.batch.texts import MOST_NAME_BYTES, UNSAFE, hidden_character
from redact.errors import UsageError
from redact.media.images import READABLE as IMAGES
from redact.media.mux import CONTAINERS
from redact.policy import Policy
from redact.record import canonical
from redact.words import shown

PolicyOf = Callable[[str], Policy]
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Job:
    """One source file of one request, and the release that it becomes.

    ``id``: the request's; with "-001", "-002" ... behind it where the request's glob matches several
    files. ``output``: the release's file name in the folder of the batch.
    """

    id: str
    request: Request
    source: Found
    output: str
    policy: Policy

    @property
    def sha256(self) -> str:
        """Digest of all that was asked for, the recipe's values included; an id is done only with the same digest.

        Sources count by name, as the request calls them: the record knows their bytes.
        """
        content = {
            "schema": 1,
            "id": self.id,
            "request": request_contents(self.request),
            "source": self.source.listed,
            "output": self.output,
            "recipe_sha256": self.policy.sha256,
        }
        return hashlib.sha256(canonical(content)).hexdigest()


@dataclass(frozen=True, slots=True)
class Batch:
    """All jobs of a file of requests, in its order.

    ``done``: jobs of it that were done before, with the same content. ``notices``: sentences for the
    operator about what was listed twice.
    """

    file: str
    jobs: tuple[Job, ...]
    done: tuple[Job, ...] = ()
    notices: tuple[str, ...] = ()


def read_batch(
    file: Path, recipe: str, policy_of: PolicyOf, seen: Mapping[str, str] = NOTHING, output: str = ""
) -> Batch:
    """Reads and checks a file of requests.

    ``recipe``: for requests that name none. ``policy_of``: gives a recipe's policy by name or path,
    or raises RedactError. ``seen``: digests of the jobs done before, by id. ``output``: the folder of the
    releases, in which patterns match nothing. Relative paths of sources and recipes begin at the file's folder.
    Raises UsageError where the file cannot be read, RecipeError where ``recipe`` is wrong, and RequestError with
    everything else that is wrong.
    """
    policy_of(recipe)
    suffix = file.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"{str(file)!r}: requests cannot be read from such a file.", f"Use {', '.join(FORMATS)}.")
    try:
        data = file.read_bytes()
    except OSError as e:
        raise UsageError(f"{str(file)!r}: cannot be read: {e.strerror or e}.", "Check the path.") from None

    @cache
    def sources(source: str) -> tuple[Found, ...]:
        return find_sources(source, file.parent, output)

    @cache
    def policy(name: str) -> Policy:
        # Only what looks like a path is one: a misspelt name is then reported as it was written.
        is_path = "/" in name or name.endswith(".toml")
        return policy_of(str(file.parent / name) if is_path and name != recipe else name)

    rows = read_rows(data, suffix, str(file))
    listings, problems = parse_requests(rows, str(file), recipe, Surroundings(sources, policy))
    wrong = list(problems)
    if not rows.requests and not wrong:
        wrong.append(Problem(str(file), 1, "", "the file holds no request"))
    requests, notices, doubles = _without_repeats(listings, str(file))
    jobs: list[Job] = []
    for request in requests:
        try:
            jobs += _jobs(request, sources(request.source), policy(request.recipe))
        except ValueError as e:
            wrong.append(Problem(str(file), request.line, "output", str(e)))
    wrong += [*doubles, *_same_names(jobs, listings, str(file)), *problems_with_earlier(jobs, seen, str(file))]
    if wrong:
        raise RequestError(wrong)
    new = tuple(job for job in jobs if job.id not in seen)
    return Batch(str(file), new, tuple(job for job in jobs if job.id in seen), notices)


def _without_repeats(
    listings: Iterable[Listing], origin: str
) -> tuple[tuple[Request, ...], tuple[str, ...], tuple[Problem, ...]]:
    """The requests, each once; notices of those listed again; problems of ids with two contents."""
    first: dict[str, Listing] = {}
    notices, problems = [], []
    for listing in listings:
        earlier = first.setdefault(listing.id, listing) if listing.id else listing
        if earlier is listing:
            continue
        both = earlier.request and listing.request
        same = earlier.request == listing.request if both else earlier.row.values == listing.row.values
        if not same:
            sentence = f"{listing.id!r} stands on line {earlier.row.line} already, for another request"
            problems.append(Problem(origin, listing.row.line_of(("id",)), "id", sentence))
        elif both:
            notices.append(
                f"{shown(origin)}, line {listing.row.line}: {listing.id!r} is the same request as on line "
                f"{earlier.row.line}; it is carried out once."
            )
    requests = tuple(x.request for x in first.values() if x.request)
    return requests, tuple(notices), tuple(problems)


def _jobs(request: Request, found: Sequence[Found], policy: Policy) -> list[Job]:
    """The jobs of a request: one, or several that are numbered in the order of their sources' names."""
    jobs = []
    for number, source in enumerate(found, 1):
        tail = f"-{number:03d}" if len(found) > 1 else ""
        suffix = PurePosixPath(source.listed).suffix.lower()
        if request.output:
            _check_ending(request.output, suffix)
            path = PurePosixPath(request.output)
            output = f"{path.stem}{tail}{path.suffix}"
        else:
            ending = suffix if suffix in CONTAINERS or suffix in IMAGES else ".mp4"
            output = _plain_name(f"{request.id}{tail}_{PurePosixPath(source.listed).stem}", ending)
        jobs.append(Job(request.id + tail, request, source, output, policy))
    return jobs


def _check_ending(output: str, source_suffix: str) -> None:
    known = IMAGES if source_suffix in IMAGES else CONTAINERS
    if PurePosixPath(output).suffix.lower() not in known:
        what = "picture" if source_suffix in IMAGES else "video"
        raise ValueError(f"{output!r} does not end as a {what} does: use one of {' '.join(sorted(known))}")


def _plain_name(text: str, ending: str) -> str:
    """A safe file name made of any text: what names cannot have becomes "_", and it is cut to a safe length."""
    text = unicodedata.normalize("NFC", text)
    plain = "".join("_" if c in UNSAFE or c.isspace() or hidden_character(c) else c for c in text).strip("._")
    room = MOST_NAME_BYTES - len(ending.encode())
    return plain.encode()[:room].decode(errors="ignore") + ending


def _key(output: str) -> str:
    """Names with the same key are one name on a disk that knows no difference between "A" and "a"."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", output).casefold())


def _same_names(jobs: Iterable[Job], listings: Iterable[Listing], origin: str) -> list[Problem]:
    """Releases that would get one name. Requests with other errors take part with the name they ask for."""
    lines = {x.row.line: x.row.line_of(("output",)) for x in listings}
    names = [(job.output, job.request.line, job.id) for job in jobs]
    for x in listings:
        asked = x.row.values.get("output")
        if x.request is None and isinstance(asked, str) and asked.strip():
            names.append((asked.strip(), x.row.line, x.id or f"line {x.row.line}"))
    first: dict[str, tuple[str, int, str]] = {}
    problems = []
    for name, line, identity in sorted(names, key=lambda n: n[1]):
        earlier = first.setdefault(_key(name), (name, line, identity))
        if earlier[2] != identity:
            sentence = f"{name!r} is the name of the release of {earlier[2]!r} (line {earlier[1]}) already"
            problems.append(Problem(origin, lines.get(line, line), "output", sentence))
    return problems


def problems_with_earlier(jobs: Iterable[Job], seen: Mapping[str, str], origin: str) -> list[Problem]:
    """Ids that were done before, with other content; and ids that a numbered job and another request share."""
    problems = []
    first: dict[str, Job] = {}
    for job in jobs:
        earlier = first.setdefault(job.id, job)
        if earlier is not job:
            sentence = f"{job.id!r} is the id of a job of line {earlier.request.line} already"
            problems.append(Problem(origin, job.request.line, "id", sentence))
        elif seen.get(job.id, job.sha256) != job.sha256:
            sentence = f"{job.id!r} was done before with other content; give the changed request a new id"
            problems.append(Problem(origin, job.request.line, "id", sentence))
    return problems
