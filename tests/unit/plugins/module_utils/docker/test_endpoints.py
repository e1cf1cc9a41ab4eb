"""Datastores of a Compose project as programs of the host reach them."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.docker import endpoints
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.tests.unit.plugins.module_utils.docker.docker_fake import Client, container


def postgresql(**over):
    return endpoints.postgresql("cryptobot", "postgres", Client([container("postgres", **over)]).engine)


def redis(files=None, **over):
    return endpoints.redis("cryptobot", "redis", Client([container("redis", **over)], files=files or {}).engine)


def test_a_server_is_reached_at_the_containers_own_address():
    found = postgresql(env={"POSTGRES_PASSWORD": "s3"}, cmd=["postgres"])
    assert found == {"host": "172.20.0.5", "port": 5432, "user": "postgres", "password": "s3"}


@pytest.mark.parametrize(
    "cmd", [["postgres", "-p", "5433"], ["postgres", "-c", "port=5433"], ["postgres", "--port=5433"]]
)
def test_another_port_is_seen_in_the_command(cmd):
    assert postgresql(cmd=cmd)["port"] == 5433


def test_a_password_file_is_read_where_its_mount_lies(tmp_path):
    (tmp_path / "secret").write_text("from-a-file\n")
    mounts = [{"Type": "bind", "Source": str(tmp_path / "secret"), "Destination": "/run/secrets/pg", "RW": False}]
    found = postgresql(env={"POSTGRES_PASSWORD_FILE": "/run/secrets/pg", "POSTGRES_USER": "root"}, mounts=mounts)
    assert (found["user"], found["password"]) == ("root", "from-a-file")


def test_the_mount_is_not_taken_for_another_of_the_same_beginning(tmp_path):
    one = container("a", mounts=[{"Type": "bind", "Source": "/srv/x", "Destination": "/data", "RW": True}])
    from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import Container

    assert Container(one).host_path("/database/file") == ""
    assert Container(one).host_path("/data/file") == "/srv/x/file"


@pytest.mark.parametrize(
    ("over", "password"),
    [
        ({"cmd": ["redis-server", "--requirepass", "one"]}, "one"),
        ({"cmd": ["redis-server", "--requirepass=one"]}, "one"),
        (
            {"cmd": ["sh", "-c", "exec redis-server --requirepass $PASS --appendonly yes"], "env": {"PASS": "two"}},
            "two",
        ),
        ({"cmd": ["sh", "-c", 'redis-server --requirepass "${PASS}"'], "env": {"PASS": "two"}}, "two"),
        ({"cmd": ["redis-server", "--user", "default", "on", ">three", "~*", "+@all", "--port", "6379"]}, "three"),
        ({"cmd": ["redis-server"], "env": {"REDISCLI_AUTH": "four"}}, "four"),
        (
            {"cmd": ["redis-server", "/etc/redis.conf"], "files": {"/etc/redis.conf": '# x\nrequirepass "five"\n'}},
            "five",
        ),
        ({"cmd": ["redis-server"]}, None),
    ],
)
def test_redis_password(over, password):
    assert redis(**over)["password"] == password


def test_a_stopped_container_is_named_with_the_remedy():
    with pytest.raises(DockerError, match=r"does not run \(it is exited\).*docker start cryptobot_postgres_1"):
        postgresql(state="exited")


def test_a_service_that_is_not_there_names_the_projects_that_are():
    with pytest.raises(DockerError, match="no container of the service postgres.*projects here are other"):
        endpoints.postgresql("cryptobot", "postgres", Client([container("postgres", project="other")]).engine)


def test_containers_of_compose_run_are_no_part_of_a_service():
    client = Client([container("postgres"), container("postgres", number=2, oneoff="True")])
    assert endpoints.postgresql("cryptobot", "postgres", client.engine)["host"] == "172.20.0.5"


def test_a_network_of_the_host_and_one_of_another_container():
    assert postgresql(network_mode="host", networks={"host": ""})["host"] == "127.0.0.1"
    other = container("vpn", networks={"platform": "172.20.0.9"})
    server = container("postgres", network_mode=f"container:{other['Id']}", networks={})
    assert endpoints.postgresql("cryptobot", "postgres", Client([server, other]).engine)["host"] == "172.20.0.9"


def volume(name, **more):
    return {
        "Name": name,
        "Driver": "local",
        "Mountpoint": f"/var/lib/docker/volumes/{name}/_data",
        "Options": None,
        "Labels": {},
        **more,
    }


def test_a_volume_is_found_by_label_then_by_name():
    labels = {"com.docker.compose.project": "cryptobot", "com.docker.compose.volume": "bars"}
    client = Client([], [volume("renamed", Labels=labels), volume("bars"), volume("cryptobot_other")])
    assert endpoints.volume_path("cryptobot", "bars", client.engine).endswith("/renamed/_data")
    assert endpoints.volume_path("cryptobot", "other", client.engine).endswith("/cryptobot_other/_data")
    with pytest.raises(DockerError, match="no volume lost"):
        endpoints.volume_path("cryptobot", "lost", client.engine)


def test_a_volume_bound_to_a_directory_and_one_that_lies_elsewhere():
    bound = volume("cryptobot_a", Options={"type": "none", "o": "bind", "device": "/srv/a"})
    away = volume("cryptobot_b", Options={"type": "nfs", "o": "addr=10.0.0.1", "device": ":/b"})
    client = Client([], [bound, away])
    assert endpoints.volume_path("cryptobot", "a", client.engine) == "/srv/a"
    with pytest.raises(DockerError, match="of the kind nfs"):
        endpoints.volume_path("cryptobot", "b", client.engine)


def test_no_message_holds_a_value_of_the_environment():
    def refuse(words, timeout=None):
        import subprocess

        return subprocess.CompletedProcess(
            words, 1, b"", b"Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
        )

    from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import Engine

    with pytest.raises(DockerError, match="systemctl start docker"):
        endpoints.redis("cryptobot", "redis", Engine(refuse))
