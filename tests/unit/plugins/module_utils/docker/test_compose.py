"""Compose files become one model, whatever forms they use."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.docker.compose import (
    PortSpec,
    VolumeSpec,
    merge,
    ports,
    read,
    volume,
)
from ansible_collections.cryptobot.native.plugins.plugin_utils.compose_yaml import ComposeYamlError, load


def model(text: str, *overrides: str):
    return read(merge([load(text), *map(load, overrides)]))


@pytest.mark.parametrize(
    ("entry", "result"),
    [
        ("8000", [PortSpec(8000)]),
        (8000, [PortSpec(8000)]),
        ("80:8000", [PortSpec(8000, 80)]),
        ("127.0.0.1:80:8000/udp", [PortSpec(8000, 80, "127.0.0.1", "udp")]),
        ("127.0.0.1::8000", [PortSpec(8000, 0, "127.0.0.1")]),
        ("[::1]:80:8000", [PortSpec(8000, 80, "::1")]),
        ("80-81:8000-8001", [PortSpec(8000, 80), PortSpec(8001, 81)]),
        (
            {"target": 8000, "published": "80", "host_ip": "127.0.0.1", "protocol": "udp"},
            [PortSpec(8000, 80, "127.0.0.1", "udp")],
        ),
        ({"target": 8000}, [PortSpec(8000)]),
    ],
)
def test_ports(entry, result):
    assert ports(entry) == result


@pytest.mark.parametrize(
    ("entry", "result"),
    [
        ("/data", VolumeSpec("/data")),
        ("bars:/data", VolumeSpec("/data", "bars")),
        ("bars:/data:ro", VolumeSpec("/data", "bars", "volume", True)),
        ("./init:/docker-entrypoint-initdb.d:ro", VolumeSpec("/docker-entrypoint-initdb.d", "./init", "bind", True)),
        ("/srv/x:/x", VolumeSpec("/x", "/srv/x", "bind")),
        ({"type": "bind", "source": "./a", "target": "/a", "read_only": True}, VolumeSpec("/a", "./a", "bind", True)),
        ({"type": "tmpfs", "target": "/t"}, VolumeSpec("/t", "", "tmpfs")),
    ],
)
def test_volumes(entry, result):
    assert volume(entry) == result


def test_short_and_long_forms_are_one():
    found = model(
        """
x-env: &env {SHARED: "1", FLAG: true, EMPTY: }
services:
  a:
    image: a
    command: uvicorn main:app --name "two words"
    environment: {<<: *env, N: 010, P: 1.10, OWN: 5}
    depends_on: {b: {condition: service_healthy}}
    secrets: [key, {source: key, target: /etc/key}]
    env_file: [a.env, {path: b.env}]
  b:
    image: b
    environment: [X=1=2, FROM_SHELL]
    depends_on: [a]
    profiles: [debug]
    privileged: true
secrets: {key: {file: ./key}}
volumes: {one: {}, two: {external: true}, three: {name: real}, four: {external: {name: old}}}
"""
    )
    a, b = found.services["a"], found.services["b"]
    assert a.command == ["uvicorn", "main:app", "--name", "two words"]
    assert a.environment == {"SHARED": "1", "FLAG": "true", "EMPTY": None, "N": "010", "P": "1.10", "OWN": "5"}
    assert (a.depends_on, b.depends_on) == ({"b": "service_healthy"}, {"a": "service_started"})
    assert a.secrets == {"/run/secrets/key": "key", "/etc/key": "key"}
    assert a.env_files == ["a.env", "b.env"]
    assert b.environment == {"X": "1=2", "FROM_SHELL": None}
    assert (b.profiles, b.unread) == (["debug"], ["privileged"])
    assert found.volumes == {"one": "", "two": "two", "three": "real", "four": "old"}
    assert found.secrets == {"key": "./key"}


def test_an_override_file_adds_and_replaces():
    found = model(
        "services: {a: {image: a, command: [x], ports: ['80:80'], environment: {A: 1, B: 2}, volumes: ['one:/data']}}",
        "services: {a: {image: b, command: [y], ports: ['81:81'], environment: [B=3], volumes: ['two:/data', 'three:/more']}, c: {image: c}}",
    ).services
    a = found["a"]
    assert (a.image, a.command, a.environment) == ("b", ["y"], {"A": "1", "B": "3"})
    assert [port.host for port in a.ports] == [80, 81]
    assert {(one.source, one.target) for one in a.volumes} == {("two", "/data"), ("three", "/more")}
    assert "c" in found


def test_extends_within_a_file_is_followed_and_elsewhere_named():
    found = model(
        "services: {base: {image: x, environment: {A: 1}}, a: {extends: {service: base}, environment: {B: 2}}, "
        "b: {extends: {file: other.yml, service: base}}}"
    ).services
    assert (found["a"].image, found["a"].environment, found["a"].unread) == ("x", {"A": "1", "B": "2"}, [])
    assert found["b"].unread == ["extends"]


def test_what_has_no_shape_that_compose_knows_is_a_fault_of_its_place():
    found = model("services: {a: {image: a, ports: [eighty]}, b: {image: b}}\nsomething: 1\ninclude: [x.yml]")
    assert found.faults == [("services.a", "cannot be read: 'eighty' is no port")]
    assert "b" in found.services
    assert found.unread == ["something", "include"]
    assert model("version: '3'").faults[0][0] == "services"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services:\n  a: {}\n  a: {}", "line 3: the key 'a' stands twice"),
        ("a: [", "line 1, column 5"),
        ("a: !reset x", "could not determine a constructor"),
        ("- a", "no mapping"),
        ("a: secret: x", "line 1"),
    ],
)
def test_broken_yaml_is_told_by_its_place_and_not_quoted(text, said):
    with pytest.raises(ComposeYamlError, match=said) as error:
        load(text)
    assert "secret" not in str(error.value)


def test_yaml_is_read_as_compose_reads_it():
    assert load("a: yes\nb: 22:22\nc: 010\nd: 1_000\ne: true\nf: 0x1f\ng: 2001-01-01\nh: 1e3\ni: -5") == {
        "a": "yes", "b": "22:22", "c": "010", "d": "1_000", "e": True, "f": "0x1f", "g": "2001-01-01", "h": "1e3", "i": -5,
    }  # fmt: skip
