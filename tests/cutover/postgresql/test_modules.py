"""The modules as Ansible runs them: what check mode predicts is what happens, and a second run changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lab
import postgresql
import pytest

ROOT = Path(__file__).resolve().parents[3]


def call(module: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
    given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
    done = subprocess.run(
        [sys.executable, ROOT / "plugins" / "modules" / f"{module}.py"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    assert postgresql.PASSWORD + "'" not in done.stdout
    return json.loads(done.stdout)


@pytest.fixture
def of(tmp_path: Path):
    """A place as the modules' options name it."""
    secret = tmp_path / "password"
    secret.write_text(postgresql.PASSWORD)
    return lambda place: {
        "host": "127.0.0.1",
        "port": place.server.port,
        "user": "postgres",
        "password_file": str(secret),
    }


def test_fence(source, of, tmp_path: Path):
    common = {"server": of(source), "databases": [source.database], "directory": str(tmp_path)}
    life = [
        {"state": "installed"}, {"state": "closed", "epoch": 4, "window": "w"}, {"state": "handed_over", "epoch": 4},
    ]  # fmt: skip
    for step in life:
        predicted = call("postgresql_fence", check=True, **common, **step)
        assert predicted["changed"] and call("postgresql_fence", check=True, **common, **step) == predicted
        done = call("postgresql_fence", **common, **step)
        for key in ("changed", "diff", "steps"):
            assert done[key] == predicted[key], key
        assert done["databases"][source.database].items() >= predicted["databases"][source.database].items()
        again = call("postgresql_fence", **common, **step)
        assert not again["changed"] and again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    refused = call("postgresql_fence", **common, state="open", epoch=4)
    assert (
        refused["failed"]
        and "is handed_over at epoch 4, which open at epoch 5 can't follow. Nothing was changed." in refused["msg"]
    )
    assert "both sides could be written to" in call("postgresql_fence", check=True, **common, state="removed")["msg"]


def test_follow(source, servers, of, tmp_path: Path):
    native = lab.Place(servers[1], "followed")
    database = {"datastore": "shop", "source": source.database, "target": "followed", "owner": lab.APP}
    common = {
        "run": "r",
        "source": of(source),
        "target": of(native),
        "databases": [database],
        "directory": str(tmp_path),
    }
    source.sql("INSERT INTO orders VALUES ('a')")
    try:
        predicted = call("postgresql_follow", check=True, **common)
        assert predicted["changed"] and source.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'migration'") == []
        done = call("postgresql_follow", **common)
        assert done["changed"] and done["diff"] == predicted["diff"], done
        assert done["databases"]["shop"]["following"] and done["copies"]["shop"]["rows"] == 1
        assert not call("postgresql_follow", **common)["changed"]
        source.sql("INSERT INTO orders VALUES ('b')")
        assert call("postgresql_follow", **common, state="caught_up")["caught_up"]["shop"] < 30
        assert native.rows() == {"a", "b"}
        assert call("postgresql_follow", check=True, **common, state="absent")["changed"]
        assert call("postgresql_follow", **common, state="absent")["changed"]
        assert not call("postgresql_follow", **common, state="absent")["changed"]
        assert source.sql("SELECT 1 FROM pg_replication_slots") == []
    finally:
        call("postgresql_follow", **common, state="absent")
        lab.Place(servers[1], "postgres").sql("DROP DATABASE IF EXISTS followed WITH (FORCE)")
