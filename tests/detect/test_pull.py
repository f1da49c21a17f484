"""Fetching weights from a real server on this machine: whole, in parts, cut off, wrong, too long, not there."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from as_others import card_for
from typer.testing import CliRunner

from redact.detect.cards import Card, WeightsFile, checked_weights, load_cards
from redact.detect.pull import _download, pull
from redact.errors import WeightsError

WEIGHTS = bytes(range(256)) * 1200  # 300 KB


@dataclass
class Server:
    """What the server does, and what it was asked."""

    address: str = ""
    body: bytes = WEIGHTS
    ranges: bool = True
    cut_after: int | None = None
    """Break the connection after so many bytes, each time."""
    refuse: list[int] = field(default_factory=list)
    """Status codes to answer with first."""
    asked: list[str | None] = field(default_factory=list)
    """The Range header of each request."""


@pytest.fixture
def server() -> Iterator[Server]:
    s = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            s.asked.append(wanted)
            if s.refuse:
                self.send_error(s.refuse.pop(0))
                return
            if self.path != "/weights.onnx":
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and s.ranges else 0
            part = s.body[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part)))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(s.body) - 1}/{len(s.body)}")
            self.end_headers()
            self.wfile.write(part[: s.cut_after])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    s.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield s
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty; and no proxy between this and the server."""
    folder = tmp_path / "models"
    monkeypatch.setenv("REDACT_MODELS", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(_download.retry, "wait", lambda _: 0.01)  # type: ignore[attr-defined]
    return folder


def card(url: str, content: bytes = WEIGHTS) -> Card:
    weights = WeightsFile(
        location="user:weights.onnx", sha256=hashlib.sha256(content).hexdigest(), url=url, bytes=len(content)
    )
    return card_for("yunet", "onnx", Path(__file__), classes=("face",)).model_copy(update={"onnx": weights})


def test_fetches_and_checks(server: Server, models: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    c = card(f"{server.address}/weights.onnx")
    assert pull(c, lambda *step: seen.append(step)) == (models / "weights.onnx",)
    assert (models / "weights.onnx").read_bytes() == WEIGHTS
    assert seen[0] == ("weights.onnx", 0, len(WEIGHTS))
    assert seen[-1] == ("weights.onnx", len(WEIGHTS), len(WEIGHTS))
    assert c.onnx is not None
    assert checked_weights(c.onnx) == models / "weights.onnx"
    assert [f.name for f in models.iterdir()] == ["weights.onnx"], "nothing half-made is left"


def test_what_is_there_is_not_fetched_again(server: Server, models: Path) -> None:
    c = card(f"{server.address}/weights.onnx")
    pull(c)
    pull(c)
    assert server.asked == [None]
    (models / "weights.onnx").write_bytes(b"changed since")
    pull(c)
    assert (models / "weights.onnx").read_bytes() == WEIGHTS


def test_goes_on_after_a_cut(server: Server, models: Path) -> None:
    server.cut_after = 110_000
    pull(card(f"{server.address}/weights.onnx"))
    assert (models / "weights.onnx").read_bytes() == WEIGHTS
    first, *others = server.asked
    assert first is None
    assert others, "it was asked again"
    assert all(r is not None for r in others), "for the rest only"


def test_goes_on_the_next_time(server: Server, models: Path) -> None:
    server.cut_after = 20_000
    with pytest.raises(WeightsError, match=r"the connection broke.* goes on"):
        pull(card(f"{server.address}/weights.onnx"))
    assert not (models / "weights.onnx").exists()
    (part,) = models.iterdir()
    there = part.stat().st_size
    assert 0 < there < len(WEIGHTS)
    server.cut_after = None
    pull(card(f"{server.address}/weights.onnx"))
    assert server.asked[-1] == f"bytes={there}-"
    assert (models / "weights.onnx").read_bytes() == WEIGHTS


def test_a_server_without_ranges_sends_it_again(server: Server, models: Path) -> None:
    c = card(f"{server.address}/weights.onnx")
    server.cut_after, server.ranges = 20_000, False
    with pytest.raises(WeightsError):
        pull(c)
    server.cut_after = None
    pull(c)
    assert (models / "weights.onnx").read_bytes() == WEIGHTS


@pytest.mark.parametrize("wrong", [WEIGHTS[:-1] + b"x", WEIGHTS + b"more"], ids=["other", "longer"])
def test_another_file_is_not_kept(server: Server, models: Path, wrong: bytes) -> None:
    server.body = wrong
    with pytest.raises(WeightsError, match=r"not the file that the card describes|it is another file"):
        pull(card(f"{server.address}/weights.onnx"))
    assert not (models / "weights.onnx").exists()
    server.body = WEIGHTS
    pull(card(f"{server.address}/weights.onnx"))
    assert (models / "weights.onnx").read_bytes() == WEIGHTS


def test_a_missing_file_is_told_at_once(server: Server) -> None:
    with pytest.raises(WeightsError, match="the server says 404 Not Found"):
        pull(card(f"{server.address}/other.onnx"))
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(server: Server, models: Path) -> None:
    server.refuse = [503, 429]
    pull(card(f"{server.address}/weights.onnx"))
    assert (models / "weights.onnx").read_bytes() == WEIGHTS


def test_nobody_there(models: Path) -> None:
    with pytest.raises(WeightsError, match="Connection refused"):
        pull(card("http://127.0.0.1:9/weights.onnx"))


def test_from_a_file(tmp_path: Path, models: Path) -> None:
    given = tmp_path / "given here" / "weights.onnx"
    given.parent.mkdir()
    with pytest.raises(WeightsError, match="No such file"):
        pull(card(given.as_uri()))
    given.write_bytes(WEIGHTS)
    pull(card(given.as_uri()))
    assert (models / "weights.onnx").read_bytes() == WEIGHTS
    assert given.exists()


def test_from_a_mirror(server: Server, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_MODELS_MIRROR", server.address + "/")
    pull(card("https://nowhere.invalid/a/b/weights.onnx"))
    assert (models / "weights.onnx").read_bytes() == WEIGHTS


def test_a_folder_that_cannot_be_written(server: Server, models: Path) -> None:
    models.write_text("a file stands here")
    with pytest.raises(WeightsError, match="Check the path"):
        pull(card(f"{server.address}/weights.onnx"))


def test_a_card_without_an_address(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="gives no address"):
        pull(load_cards()["centerface"])


USERS_CARD = """
name = "theirs"
version = "1"
family = "yunet"
classes = ["face"]
licence = "MIT"
description = "A user's own card, with a digest that the user has pinned."

[input]
size_px = 640

[thresholds]
low = 0.3
high = 0.6

[onnx]
location = "user:weights.onnx"
sha256 = "{digest}"
bytes = {size}
url = "{url}"
"""


def test_a_users_own_card_by_the_commands(server: Server, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from redact.cli import app

    cards = models.parent / "cards"
    cards.mkdir()
    monkeypatch.setenv("REDACT_CARDS", str(cards))
    digest, url = hashlib.sha256(WEIGHTS).hexdigest(), f"{server.address}/weights.onnx"
    (cards / "theirs.toml").write_text(USERS_CARD.format(digest=digest, size=len(WEIGHTS), url=url))
    listed = CliRunner().invoke(app, ["models", "list"])
    assert "theirs 1" in listed.output
    pulled = CliRunner().invoke(app, ["models", "pull", "theirs"])
    assert pulled.exit_code == 0, pulled.output
    assert str(models / "weights.onnx") in pulled.output
    missing = CliRunner().invoke(app, ["models", "pull", "nonesuch"])
    assert missing.exit_code == WeightsError.exit_code
    assert "no detector called 'nonesuch'" in missing.output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("size_px = 640", "size = 640"), "input"),
        (('family = "yunet"', 'family = "magic"'), "family"),
        (('classes = ["face"]', 'classes = ["other"]'), "none of the classes"),
        (("bytes = 307200\n", ""), "needs bytes"),
        (("[onnx]", "[pt]"), "one or more of the tables"),
        (('name = "theirs"', 'name = "yunet"'), "another model card has the name"),
        (("[input]", "[input"), "cannot be read"),
    ],
)
def test_a_users_card_that_is_wrong_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], said: str
) -> None:
    monkeypatch.setenv("REDACT_CARDS", str(tmp_path))
    text = USERS_CARD.format(digest="0" * 64, size=len(WEIGHTS), url="https://example.invalid/weights.onnx")
    assert change[0] in text
    (tmp_path / "theirs.toml").write_text(text.replace(*change))
    with pytest.raises(WeightsError, match=said):
        load_cards()
