"""An application nobody has seen before is deployed by variables alone, and works."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import urllib.request
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from application import Application
from deploy import play

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import install  # noqa: E402


@pytest.fixture(scope="module")
def application(tmp_path_factory) -> Application:
    """Written out, with its program at a web server that lives as long as the tests."""
    install(["busybox-static"])
    folder = tmp_path_factory.mktemp("own")
    handler = functools.partial(SimpleHTTPRequestHandler, directory="/bin")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seed = int(os.environ.get("SEED", secrets.randbelow(10**9)))
    made = Application(seed, folder, Path("/bin/busybox"), f"http://127.0.0.1:{server.server_port}/busybox")
    made.write(ROOT)
    print(f"SEED={seed}: {' '.join(made.names)}")
    yield made
    server.shutdown()


def committed(tree: Path) -> str:
    """The address of a new repository with everything of the directory at the tag v1."""
    for words in (["init"], ["add", "."], ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--message=v1"], ["tag", "v1"]):
        subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True)
    return f"file://{tree}"


def ask(address: str, method: str, path: str) -> tuple[int, object]:
    with urllib.request.urlopen(urllib.request.Request(f"http://{address}{path}", method=method), timeout=10) as answer:
        return answer.status, json.loads(answer.read())


def test_it_is_deployed_and_a_second_run_changes_nothing(host, application: Application) -> None:
    play(application.variables(), application.folder)
    assert "changed=0" in play(application.variables(), application.folder)


def test_the_same_source_from_git_or_an_archive_is_the_same_release(host, application: Application, tmp_path: Path) -> None:
    tree = tmp_path / "application"
    shutil.copytree(application.folder / "parts", tree / "parts")
    archive = Path(shutil.make_archive(str(tmp_path / "application"), "gztar", tmp_path, "application"))
    origins = [
        {"git": committed(tree), "version": "v1"},
        {"archive": str(archive), "checksum": f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"},
    ]
    for origin in origins:
        assert "changed=0" in play(application.variables() | {"cryptobot_source": origin}, tmp_path), origin


def test_its_services_store_share_and_call(host, application: Application) -> None:
    address = host.ansible.get_variables()["cryptobot_address"]
    front, back = application.front, application.back
    assert ask(f"{address}:7100", "POST", "/things")[0] == 201
    assert ask(f"{address}:7200", "POST", "/things")[0] == 201
    assert ask(f"{address}:8088", "GET", f"/{front}/things") == (200, {front: 1, back: 1})
    assert ask(f"{address}:7100", "GET", "/neighbour") == (200, {front: 1, back: 1})
    assert ask(f"{address}:7200", "GET", "/neighbour") == (200, {"fine": True, "pages": 3})


def test_only_its_own_processes_run(host, application: Application) -> None:
    units = host.check_output("systemctl list-units --plain --no-legend --state=active 'cryptobot-*@*.service' | cut -d@ -f1").split()
    services = [f"{application.front}-front", f"{application.back}-front", f"{application.pages}-server"]
    assert sorted(units) == sorted(f"cryptobot-{service}" for service in services)
