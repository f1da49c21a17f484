"""Sources and releases behind addresses, on real servers on this machine: S3 (moto) and FTP (pyftpdlib)."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from redact.batch.places import Delivery, fetched
from redact.errors import SourceError, UsageError

REQUEST = {"operator": "07", "purpose": "a test", "legal_basis": "none needed"}


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def _server(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert process.poll() is None, "the server ended"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a bucket on an S3 server; the environment says where that is, as an operator's would."""
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    port = _free_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with _server([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
            fsspec.filesystem("s3").mkdir("footage")
            yield "s3://footage"


_FTP = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler
from pyftpdlib.servers import FTPServer
class Slow(ThrottledDTPHandler):
    read_limit = 2 << 20  # bytes a second, so that an upload can be interrupted
class Handler(FTPHandler):
    authorizer, dtp_handler = DummyAuthorizer(), Slow
Handler.authorizer.add_anonymous(sys.argv[2], perm="elradfmwMT")
FTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of an FTP server and the folder that it shows."""
    pytest.importorskip("pyftpdlib")
    port, folder = _free_port(), tmp_path / "server"
    folder.mkdir()
    with _server([sys.executable, "-c", _FTP, str(port), str(folder)], port):
        yield f"ftp://127.0.0.1:{port}", folder


def _batch(requests: Path, output: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "redact", "batch", str(requests), "-o", output, "--workers", "2", "--json"]
    return subprocess.run(
        [*command, "--recipe", "export-batch"], cwd=folder, capture_output=True, text=True, check=False, timeout=250
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_batch_from_s3_to_s3(bucket: str, plain_clip: Path, tmp_path: Path) -> None:
    s3 = fsspec.filesystem("s3")
    s3.put_file(str(plain_clip), "footage/in/gate 1.mp4")
    s3.pipe_file("footage/in/gate-2.mp4", b"no video at all")
    there = tmp_path / "there.jsonl"
    rows = [REQUEST | {"id": "there", "source": f"{bucket}/in/*.mp4"}]
    there.write_text("".join(json.dumps(r) + "\n" for r in rows))
    done = _batch(there, f"{bucket}/out", tmp_path)
    assert done.returncode == 3, done.stderr
    assert [json.loads(line)["fate"] for line in done.stdout.splitlines()] == ["released", "refused"]
    here = tmp_path / "here.jsonl"
    here.write_text(json.dumps(REQUEST | {"id": "here", "source": str(plain_clip), "output": "here.mp4"}) + "\n")
    assert _batch(here, str(tmp_path / "out"), tmp_path).returncode == 0
    names = {name.removeprefix("footage/out/") for name in s3.find("footage/out")}
    release = "there-001_gate_1.mp4"
    assert names == {release, f"{release}.plan.json", f"{release}.record.json", "report.html", "summary.csv"}
    assert _digest(s3.cat_file(f"footage/out/{release}")) == _digest((tmp_path / "out" / "here.mp4").read_bytes())
    record = json.loads(s3.cat_file(f"footage/out/{release}.record.json"))
    assert record["output"]["sha256"] == _digest(s3.cat_file(f"footage/out/{release}"))
    assert _batch(there, f"{bucket}/out", tmp_path).returncode == 3, "the same again: done is done, bad stays bad"


@pytest.mark.parametrize("kind", ["s3", "ftp"])
def test_a_folder_that_was_delivered_gets_another_name(
    kind: str, bucket: str, ftp: tuple[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "a.mp4.quarantine"
    folder.mkdir()
    for name in ("plan.json", "report.json"):
        (folder / name).write_text(name)
    address = f"{bucket}/renamed" if kind == "s3" else f"{ftp[0]}/renamed"
    there = Delivery(address)
    there.put_folder(folder, folder.name)
    there.rename(folder.name, "a.mp4.earlier-quarantine-1")
    there.rename("b.mp4.quarantine", "b.mp4.earlier-quarantine-1")  # was never delivered
    files, root = fsspec.core.url_to_fs(address)
    files.invalidate_cache()
    found = {name.removeprefix(root): files.cat_file(name).decode() for name in files.find(root)}
    assert found == {f"/a.mp4.earlier-quarantine-1/{name}": name for name in ("plan.json", "report.json")}
    assert [Path(name).name for name in files.ls(root, detail=False)] == ["a.mp4.earlier-quarantine-1"]


@pytest.mark.parametrize("kind", ["s3", "ftp"])
def test_what_others_delivered_is_kept(
    kind: str, bucket: str, ftp: tuple[str, Path], plain_clip: Path, tmp_path: Path
) -> None:
    """Two offices deliver to one address, the second one under a name that is taken there."""
    address = f"{bucket}/shared" if kind == "s3" else f"{ftp[0]}/shared"
    files, root = fsspec.core.url_to_fs(address)

    def carry_out(office: str, *outputs: str) -> tuple[list[str], str]:
        folder = tmp_path / office
        folder.mkdir(exist_ok=True)
        common = REQUEST | {"source": str(plain_clip)}
        rows = [common | {"id": f"{office}-{n}", "output": o} for n, o in enumerate(outputs)]
        (folder / "requests.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        done = _batch(folder / "requests.jsonl", address, folder)
        return [json.loads(line)["fate"] for line in done.stdout.splitlines()], done.stdout

    assert carry_out("north", "gate.mp4")[0] == ["released"]
    files.invalidate_cache()
    first = {name.removeprefix(f"{root}/"): _digest(files.cat_file(name)) for name in files.find(root)}
    fates, said = carry_out("south", "gate.mp4", "lobby.mp4")
    assert fates == ["refused", "released"]
    assert f"{address}/gate.mp4" in said
    assert "exists already" in said
    assert carry_out("south", "gate.mp4", "lobby.mp4")[0] == ["refused", "released"]
    files.invalidate_cache()
    found = {name.removeprefix(f"{root}/"): _digest(files.cat_file(name)) for name in files.find(root)}
    earlier = {"summary.csv": "summary.earlier-1.csv", "report.html": "report.earlier-1.html"}
    assert {n: found[earlier.get(n, n)] for n in first} == first
    of_lobby = {"lobby.mp4", "lobby.mp4.plan.json", "lobby.mp4.record.json"}
    assert set(found) == {*first, *earlier.values(), *of_lobby}, "what the same office delivers again replaces its own"


def test_what_was_delivered_in_part_is_delivered_again(ftp: tuple[str, Path], tmp_path: Path) -> None:
    folder = ftp[1] / "out"
    Image.new("RGB", (320, 240), (90, 120, 90)).save(tmp_path / "wall.jpg")
    asked = REQUEST | {"id": "one", "source": str(tmp_path / "wall.jpg"), "output": "one.jpg"}
    (tmp_path / "requests.jsonl").write_text(json.dumps(asked))
    command = (tmp_path / "requests.jsonl", f"{ftp[0]}/out", tmp_path)
    assert _batch(*command).returncode == 0
    for name in ("one.jpg", "one.jpg.record.json"):
        (folder / name).unlink()
    for entry in (tmp_path / "requests.batch" / ".batch" / "done").iterdir():
        entry.unlink()  # as if it had been stopped before it noted that all was delivered
    done = _batch(*command)
    assert done.returncode == 0, done.stdout
    assert {"one.jpg", "one.jpg.record.json", "one.jpg.plan.json"} <= {p.name for p in folder.iterdir()}


def test_nothing_at_an_address(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        fetched(f"{bucket}/none.mp4", tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_upload_that_is_interrupted_never_has_the_final_name(ftp: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = ftp
    file = tmp_path / "release.mp4"
    file.write_bytes(os.urandom(12 << 20))
    code = "import sys\nfrom pathlib import Path\nfrom redact.batch.places import Delivery\n"
    code += "Delivery(sys.argv[1]).put(Path(sys.argv[2]), 'release.mp4')\n"
    client = subprocess.Popen([sys.executable, "-c", code, f"{address}/out", str(file)])
    part = folder / "out" / "release.mp4.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        assert client.poll() is None, "the upload was over before it could be interrupted"
        time.sleep(0.02)
    client.send_signal(signal.SIGKILL)
    client.wait()
    time.sleep(1)
    assert sorted(p.name for p in part.parent.iterdir()) == ["release.mp4.part"]
    Delivery(f"{address}/out").put(file, "release.mp4")
    assert sorted(p.name for p in part.parent.iterdir()) == ["release.mp4"]
    assert (folder / "out" / "release.mp4").read_bytes() == file.read_bytes()
    Delivery(f"{address}/out").put(file, "release.mp4")  # a later run delivers again
    assert sorted(p.name for p in part.parent.iterdir()) == ["release.mp4"]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "release.mp4"
    file.write_bytes(b"x")
    address = f"ftp://127.0.0.1:{_free_port()}/out"
    with pytest.raises(UsageError, match=r"cannot be (delivered|reached)"):
        Delivery(address).put(file, "release.mp4")
    with pytest.raises((SourceError, UsageError), match=r"cannot be reached"):
        fetched(f"{address}/a.mp4", tmp_path)
