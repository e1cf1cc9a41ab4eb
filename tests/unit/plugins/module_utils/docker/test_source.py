"""What is said of a Compose project: every finding with its place and remedy, and no value of an environment."""

from __future__ import annotations

import json

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import Container
from ansible_collections.cryptobot.native.plugins.module_utils.docker.gather import amount, bundle, layer, locate, write
from ansible_collections.cryptobot.native.plugins.module_utils.docker.source_findings import findings, unmapped
from ansible_collections.cryptobot.native.plugins.plugin_utils.docker_source import read_source
from ansible_collections.cryptobot.native.tests.unit.plugins.module_utils.docker.docker_fake import Client, container

CANARY = "c4nary-of-a-secret"
IMAGE = "sha256:" + "1" * 64


def source(compose: str = "", containers=(), dotenv: str = "", **more):
    """As the action reads it from a bundle."""
    files = {"/srv/docker-compose.yml": compose} if compose else {}
    base = {
        "project": "cryptobot", "engine": "20.10", "directory": "/srv", "files": files, "dotenv": dotenv, "also": {}, "volumes": [],
        "containers": list(containers), "networks": [], "images": {}, "layers": {}, "secret_files": {}, "plugin": "", "kept": {},
    }  # fmt: skip
    return read_source({**base, **more})


def found(*args, accept=(), **more) -> dict[str, object]:
    return {f"{one.code}:{one.object}": one for one in findings(source(*args, **more), accept)}


A = "services: {a: {image: 'example/a:1', restart: unless-stopped"


def test_a_project_that_is_as_its_files_say_has_no_finding():
    there = found(A + ", ports: ['8000:8000']}}", [container("a", ports={"8000/tcp": ("", 8000)})])
    assert there == {}


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ("8000:1", "8000:2", True),
        ("127.0.0.1:8000:1", "8000:2", True),
        ("127.0.0.1:8000:1", "127.0.0.2:8000:2", False),
        ("8000:1", "8000:2/udp", False),
        ("8000-8002:1-3", "8001:9", True),
    ],
)
def test_duplicate_ports(first, second, clash):
    codes = found(f"services: {{a: {{image: a, ports: ['{first}']}}, b: {{image: b, ports: ['{second}']}}}}")
    assert ("duplicate-port:b" in codes) is clash
    if clash:
        assert codes["duplicate-port:b"].severity == "blocking"
        assert "a and b both publish port 800" in codes["duplicate-port:b"].text


def test_undefined_things_are_named():
    there = found(
        "services: {a: {image: a, depends_on: [ghost], secrets: [key], volumes: ['data:/d'], network_mode: 'service:vpn'}}"
    )
    texts = " ".join(one.text for key, one in there.items() if key == "undefined-dependency:a")
    assert "undefined-dependency:a" in there and texts
    whole = " ".join(
        one.text
        for one in findings(
            source("services: {a: {image: a, depends_on: [ghost], secrets: [key], volumes: ['data:/d']}}")
        )
    )
    assert all(word in whole for word in ("the service ghost", "mounts key at /run/secrets/key", "the volume data"))


def test_a_cycle_of_dependencies():
    there = found(
        "services: {a: {image: a, depends_on: [b]}, b: {image: b, depends_on: [a]}, c: {image: c, depends_on: [a]}}"
    )
    assert {key for key in there if key.startswith("dependency-cycle")} == {"dependency-cycle:a", "dependency-cycle:b"}


UNSET = A + ", environment: {TOKEN: '${TOKEN}'}}}"


def test_an_unset_variable_blocks_where_no_container_shows_its_value():
    one = found(UNSET)["unset-variable:services.a.environment.TOKEN"]
    assert one.severity == "blocking" and "Set TOKEN in .env" in one.remedy


def test_an_unset_variable_is_a_note_where_the_container_shows_it():
    there = found(UNSET, [container("a", env={"TOKEN": CANARY})])
    assert there["unset-variable:services.a.environment.TOKEN"].severity == "note"
    assert set(there) == {"unset-variable:services.a.environment.TOKEN"}


def test_variables_of_the_env_file_are_not_unset():
    assert found(UNSET, [container("a", env={"TOKEN": "x"})], dotenv="TOKEN=x\n") == {}


def test_drift_names_what_differs_and_shows_no_value():
    running = container(
        "a",
        image="example/a:2",
        env={"A": CANARY, "EXTRA": CANARY, "PATH": "/bin"},
        cmd=["x"],
        ports={"80/tcp": ("", 80)},
    )
    images = {IMAGE: {"env": ["PATH=/bin"]}}
    there = found(A + ", command: [y], environment: {A: other, B: there}}}", [running], images=images)
    text = there["drift:a"].text
    assert "image, environment A, environment B, environment EXTRA (not in the files), command, ports" in text
    assert CANARY not in text and "PATH" not in text


def test_env_files_count_and_the_environment_wins():
    running = container("a", env={"A": "1", "B": "2"})
    assert found(A + ", env_file: a.env, environment: {B: '2'}}}", [running], also={"a.env": "A=1\nB=1\n"}) == {}


def test_states_of_containers():
    sick = container("a")
    sick["State"]["Health"] = {"Status": "unhealthy"}
    there = found(
        "services: {a: {image: a}, b: {image: b}, c: {image: c, profiles: [x]}}",
        [sick, container("orphan", state="exited")],
    )
    assert {"unhealthy:a", "no-container:b", "profile:c", "orphan:orphan", "stopped-container:orphan"} <= set(there)
    assert "docker start cryptobot_orphan_1" in there["stopped-container:orphan"].remedy


def test_what_the_migration_stopped_is_no_finding():
    one = container("a", state="exited", policy={"Name": "no"})
    kept = {one["Id"]: {"policy": "unless-stopped", "running": True}}
    assert found(A + "}}", [one], kept=kept) == {}
    # What was found of it last says nothing of one that is stopped.
    one["State"]["Health"] = {"Status": "unhealthy"}
    assert found(A + "}}", [one], kept=kept) == {}


def test_both_namings_and_a_newer_compose_beside_v1():
    two = [container("a"), container("b", name="cryptobot-b-1")]
    assert "mixed-naming:cryptobot" in found(containers=two)
    assert "compose-versions:cryptobot" in found(containers=[container("a")], plugin="2.26.1")
    assert source(containers=[container("a")]).naming() == "v1"
    assert source(containers=[container("a", name="mine")]).naming() == "own"


def test_data_outside_of_named_volumes_must_be_decided_on():
    name = "ab" * 32
    mounts = [{"Type": "volume", "Name": name, "Source": f"/v/{name}", "Destination": "/cache", "RW": True}]
    one = container("a", mounts=mounts)
    volumes = [{"Name": name, "Mountpoint": f"/v/{name}", "holds": {"files": 3, "bytes": 12}}]
    there = found(containers=[one], volumes=volumes, layers={one["Id"]: [["A", "/app/uploads/x"]]})
    assert there["anonymous-volume:a:/cache"].severity == "decision"
    assert "/app/uploads/x" in there["layer-files:a"].text
    accepted = found(
        containers=[one],
        volumes=volumes,
        layers={one["Id"]: [["A", "/x"]]},
        accept=["layer-files", "anonymous-volume:a:/cache"],
    )
    assert {one.severity for one in accepted.values()} == {"accepted"}


def test_a_broken_and_a_missing_file():
    assert found("services: [")["file-unreadable:/srv/docker-compose.yml"].severity == "blocking"
    assert "file-missing:/srv/x.yml" in found(files={"/srv/x.yml": None})


CATALOGUE = {
    "services": {
        "auth": {
            "name": "auth",
            "processes": {"web": {"name": "web", "docker": {"service": "auth-service", "port": 8000}}},
        }
    },
    "datastores": {"auth": {"docker": {"service": "postgres"}}, "bars": {"docker": {"volume": "market-data"}}},
}


def test_the_catalogue_and_the_project_must_know_each_other():
    volume = {
        "Name": "cryptobot_more",
        "Labels": {"com.docker.compose.volume": "more"},
        "holds": {"files": 1, "bytes": 1},
    }
    there = source(containers=[container("extra"), container("postgres", state="exited")], volumes=[volume])
    keys = {f"{one.code}:{one.object}": one.severity for one in unmapped(there, CATALOGUE)}
    assert keys == {
        "unknown-service:extra": "decision",
        "missing-service:auth-service": "decision",
        "server-stopped:postgres": "blocking",
        "unknown-volume:more": "decision",
    }


def test_the_description_holds_no_value():
    one = container("a", env={"TOKEN": CANARY, "PATH": "/bin"}, cmd=["server", "--password", CANARY])
    there = source(
        A + ", environment: {TOKEN: '${TOKEN}'}}}",
        [one],
        dotenv=f"TOKEN={CANARY}\n",
        images={IMAGE: {"env": ["PATH=/bin"]}},
    )
    text = json.dumps([there.describe(), [each.as_dict() for each in findings(there)]])
    assert CANARY not in text
    environment = there.describe()["services"]["a"]["environment"]
    assert (environment["TOKEN"]["from"], environment["PATH"]["from"]) == ("files", "image")


def test_the_layer_is_what_would_be_missed(tmp_path):
    lines = ["C /app", "A /app/uploads", "A /app/uploads/x", "C /app/code", "A /app/code/__pycache__", "A /app/code/__pycache__/m.pyc",
             "C /tmp", "A /tmp/y", "D /app/gone", "A /data", "A /data/bars", "C /etc", "C /etc/hosts"]  # fmt: skip
    one = container(
        "a", mounts=[{"Type": "volume", "Name": "x", "Source": str(tmp_path), "Destination": "/data/bars", "RW": True}]
    )
    client = Client([one])
    client.diff[one["Id"]] = "\n".join(lines)
    assert layer(client.engine, Container(one)) == [("A", "/app/uploads/x"), ("D", "/app/gone")]


def test_a_bundle_is_whole_and_private(tmp_path):
    (tmp_path / "docker-compose.yml").write_text("services: {}")
    (tmp_path / "docker-compose.override.yml").write_text("services: {}")
    (tmp_path / "key").write_bytes(b"\xff\x00key")
    mounts = [{"Type": "bind", "Source": str(tmp_path / "key"), "Destination": "/run/secrets/key", "RW": False}]
    labels = {"com.docker.compose.project.working_dir": str(tmp_path)}
    client = Client(
        [container("a", mounts=mounts, labels=labels, env={"X_FILE": "/nowhere"})], files={"/nowhere": "text"}
    )
    made = bundle(client.engine, "cryptobot")
    assert sorted(made["files"]) == [
        str(tmp_path / "docker-compose.override.yml"),
        str(tmp_path / "docker-compose.yml"),
    ]
    (held,) = made["secret_files"].values()
    assert held == {"/nowhere": "dGV4dA==", "/run/secrets/key": "/wBrZXk="}
    write(made, str(tmp_path / "out"))
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert amount({"Mountpoint": str(tmp_path)})["files"] == 4


def test_the_files_are_those_that_compose_was_started_with():
    labels = {
        "com.docker.compose.project.working_dir": "/srv",
        "com.docker.compose.project.config_files": "a.yml,/etc/b.yml",
    }
    assert locate([Container(container("a", labels=labels))], "", []) == ("/srv", ["/srv/a.yml", "/etc/b.yml"])
    assert locate([], "/srv", ["c.yml"]) == ("/srv", ["/srv/c.yml"])
