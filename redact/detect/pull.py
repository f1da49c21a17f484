"""Fetches the weights of a known model into the user's folder.

What arrives is read by nothing before its digest is the card's: it lies under a name of its own
until then. A fetch that was cut off goes on where it stopped, at once or the next time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from redact.detect.cards import Card, WeightsFile, file_sha256
from redact.errors import RedactError, SpaceError, WeightsError
from redact.resources import weights_file

Watch = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are there, and the bytes that there will be."""

CHUNK = 1 << 13  # bytes; of a connection that breaks, less than this is lost
TIMEOUT_S = (10, 30)  # to connect, and between two pieces
ATTEMPTS = 4


class _Cut(Exception):
    """The connection broke: trying again may help."""


class _Unreachable(_Cut):
    """There was none."""


def pull(card: Card, watch: Watch = lambda name, done, total: None) -> tuple[Path, ...]:
    """Fetches what ``card`` gives an address for, unless it is there already; returns the files.

    ``REDACT_MODELS_MIRROR``: an address (https, http, file) under which the files lie by their names,
    to be asked instead of the card's. Raises WeightsError where the card names no address, nobody
    answers, or what arrives is another file; SpaceError on a full disk.
    """
    wanted = [w for w in card.files.values() if w.url]
    if not wanted:
        raise WeightsError(
            f"The card of {card.name!r} gives no address to fetch its weights from.",
            "They come with redact, or their owner gives them out by hand; see models/README.md.",
        )
    return tuple(_pull(w, watch) for w in wanted)


def _pull(weights: WeightsFile, watch: Watch) -> Path:
    assert weights.url is not None  # asked for by the caller
    assert weights.bytes is not None  # as the card's schema asks
    target = weights_file(weights.location)
    part = target.with_name(f"{target.name}.{weights.sha256[:12]}.part")
    url = _address(weights.url, target.name)
    with _disk(target):
        if target.exists() and file_sha256(target) == weights.sha256:
            watch(target.name, weights.bytes, weights.bytes)
            return target
        target.parent.mkdir(parents=True, exist_ok=True)

        def tell(done: int) -> None:
            watch(target.name, done, weights.bytes or done)

        if url.startswith("file:"):
            _copy(url, part, weights.bytes, tell)
        else:
            try:
                _download(url, part, weights.bytes, tell)
            except _Unreachable as e:
                raise WeightsError(
                    f"{url}: nobody answers there: {e}.",
                    "Check the network; REDACT_MODELS_MIRROR names another address, or a folder (file:///...).",
                ) from None
            except _Cut as e:
                raise WeightsError(f"{url}: the connection broke: {e}.", "Run the command again: it goes on.") from None
        found = file_sha256(part)
        if found != weights.sha256:
            part.unlink()
            raise WeightsError(
                f"{url}: this is not the file that the card describes (SHA-256 {found}, expected {weights.sha256}).",
                "Nothing of it was kept; ask whoever runs that address, or your network's proxy.",
            )
        part.replace(target)
    return target


def _address(url: str, name: str) -> str:
    mirror = os.environ.get("REDACT_MODELS_MIRROR")
    return f"{mirror.rstrip('/')}/{name}" if mirror else url


@contextmanager
def _disk(target: Path) -> Iterator[None]:
    try:
        yield
    except RedactError:
        raise
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpaceError(f"{target}: the disk is full.", "Free some space and run the command again.") from None
        raise WeightsError(
            f"{e.filename or target}: {e.strerror or e}.", "Check the path and its permissions; REDACT_MODELS names it."
        ) from None


def _copy(url: str, part: Path, size: int, tell: Callable[[int], None]) -> None:
    with Path(unquote(urlsplit(url).path)).open("rb") as source, part.open("wb") as out:
        _take(iter(lambda: source.read(CHUNK), b""), out.write, 0, size, url, tell)


def _take(
    pieces: Iterator[bytes],
    write: Callable[[bytes], object],
    done: int,
    size: int,
    url: str,
    tell: Callable[[int], None],
) -> None:
    """Writes pieces and tells how many bytes are there. Raises WeightsError beyond ``size`` bytes."""
    tell(done)
    for piece in pieces:
        done += len(piece)
        if done > size:
            raise WeightsError(
                f"{url}: sends more than the {size} bytes that the card names: it is another file.",
                "Ask whoever runs that address, or your network's proxy.",
            )
        write(piece)
        tell(done)


@retry(
    retry=retry_if_exception_type(_Cut),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential(multiplier=0.25, max=8),
    reraise=True,
)
def _download(url: str, part: Path, size: int, tell: Callable[[int], None]) -> None:
    """Fetches what is missing of ``part``. Raises _Cut where trying again may help, else WeightsError."""
    there = part.stat().st_size if part.exists() else 0
    if there > size:
        part.unlink()
        there = 0
    if there == size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    answered = False
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_S, headers=headers) as answer:
            answered = True
            if answer.status_code >= 500 or answer.status_code == 429:
                raise _Cut(f"the server says {answer.status_code} {answer.reason}")
            if answer.status_code not in (200, 206):
                raise WeightsError(
                    f"{url}: the server says {answer.status_code} {answer.reason}.", "Check the card's address."
                )
            # A server that cannot go on where it stopped sends the whole file again.
            goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
            begin = there if answer.status_code == 206 and goes_on else 0
            with part.open("r+b" if begin else "wb") as out:
                out.seek(begin)
                _take(answer.iter_content(CHUNK), out.write, begin, size, url, tell)
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        requests.exceptions.TooManyRedirects,
    ) as e:
        raise WeightsError(f"{url}: this address cannot be fetched: {e}.", "Check the card.") from None
    except requests.exceptions.RequestException as e:
        raise (_Cut if answered else _Unreachable)(_reason(e)) from None
    if part.stat().st_size < size:
        raise _Cut(f"{part.stat().st_size} of {size} bytes arrived")


def _reason(e: BaseException) -> str:
    """The innermost reason of a failed request, in the library's words, without its addresses in memory."""
    while (inner := e.__cause__ or e.__context__) is not None:
        e = inner
    return str(e).rpartition("] ")[2] or type(e).__name__
