"""Installing many releases: what is complete stays, what failed leaves nothing, and why is said for each."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release import install
from ansible_collections.cryptobot.native.plugins.module_utils.release.environment import (
    Interpreter,
    find_interpreter,
    requirements_of,
)
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.install import (
    Installer,
    Options,
    wanted_releases,
)
from ansible_collections.cryptobot.native.plugins.module_utils.release.plan import Artefact
from ansible_collections.cryptobot.native.plugins.module_utils.release.source import file_digest
from ansible_collections.cryptobot.native.plugins.module_utils.release.store import archive_binary

OLD, NEW = (
    Interpreter("/usr/bin/python3", "3.11.2", "cpython-311"),
    Interpreter("/usr/bin/python3", "3.13.1", "cpython-313"),
)


def spec(service: str, interpreter: str | None = None, artefact: str | None = None) -> dict:
    artefacts = [{"name": artefact, "kind": "download"}] if artefact else []
    lock = "requirements.lock" if interpreter else None
    return {
        "service": service,
        "runtime": "x",
        "id": "0a1b",
        "digest": "0a1b2c",
        "version": "1",
        "lock": lock,
        "interpreter": interpreter,
        "artefacts": artefacts,
    }


def test_an_upgraded_interpreter_makes_another_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ids = []
    for found in (OLD, NEW):
        monkeypatch.setattr(install, "require_interpreter", lambda name, service, found=found: found)
        ids += [release.id for release in wanted_releases([spec("quotes", "python3"), spec("engine")])]
    assert ids == ["0a1b-cp311", "0a1b", "0a1b-cp313", "0a1b"]


def test_missing_interpreters_are_named_at_once() -> None:
    with pytest.raises(ReleaseError) as error:
        wanted_releases([spec("a", "python9.1"), spec("b", "python9.2")])
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "services.a.python.interpreter",
        "services.b.python.interpreter",
    ]


def test_this_interpreter_is_found() -> None:
    assert find_interpreter("python3").abi.startswith("cp3") and find_interpreter("no-such-python") is None


def test_own_wheels_are_named_by_content(tmp_path: Path) -> None:
    (tmp_path / "acme_shared-1.0-py3-none-any.whl").write_bytes(b"wheel")
    assert requirements_of(tmp_path.glob("*.whl")) == (
        f"acme_shared @ file://{tmp_path}/acme_shared-1.0-py3-none-any.whl --hash=sha256:{hashlib.sha256(b'wheel').hexdigest()}\n"
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "bundle/artefacts").mkdir(parents=True)
    (tmp_path / "bundle/source/engine/migrations").mkdir(parents=True)
    (tmp_path / "bundle/source/engine/migrations/1.sql").write_text("SELECT 1")
    artefact = Artefact("download", "engine", hashlib.sha256(b"program").hexdigest(), ".", {"binary": "engine"})
    archive_binary(artefact, b"program", tmp_path / "bundle/artefacts/engine-1.tar.gz")
    (tmp_path / "bundle/artefacts/broken-1.tar.gz").write_bytes(b"no archive")
    return tmp_path / "bundle"


def test_a_failure_leaves_the_others_installed_and_nothing_of_itself(tmp_path: Path, bundle: Path) -> None:
    recorded: list[tuple] = []
    (tmp_path / "opt").mkdir()
    installer = Installer(Options(), lambda *change: recorded.append(change), tmp_path / "opt")
    wanted = wanted_releases([spec("engine", artefact="engine-1"), spec("panel", artefact="broken-1")])
    assert installer.missing(wanted) == wanted
    checksums = {name: file_digest(bundle / f"artefacts/{name}.tar.gz") for name in ("engine-1", "broken-1")}
    with pytest.raises(ReleaseError, match="panel: the archive cannot be read"):
        installer.install(wanted, bundle, checksums)
    assert [release.service for release in installer.missing(wanted)] == ["panel"]
    release = tmp_path / "opt/engine/releases/0a1b"
    assert (release / "bin/engine").stat().st_mode & 0o111 and (release / "source/migrations/1.sql").exists()
    assert json.loads((release / "release.json").read_text())["artefacts"] == {"engine-1": checksums["engine-1"]}
    assert not (tmp_path / "opt/panel/releases/0a1b").exists()
    assert recorded == [("release", str(release), None, "0a1b")]


def test_a_damaged_artefact_stops_before_anything(tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "opt").mkdir()
    installer = Installer(Options(), lambda *change: None, tmp_path / "opt")
    with pytest.raises(ReleaseError, match="came damaged"):
        installer.install(wanted_releases([spec("engine", artefact="engine-1")]), bundle, {"engine-1": "0" * 64})
    assert not (tmp_path / "opt/engine").exists()
