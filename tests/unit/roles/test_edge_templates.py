"""The proxy's configuration and its list of sockets agree, for every shape of catalogue."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from ansible_collections.cryptobot.native.plugins.module_utils.edge_catalogue import accesses, listen, sided_doors

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "roles" / "edge" / "templates" / "etc" / "cryptobot"


def door(name: str, port: int, live: str | None = "/health/live") -> dict[str, Any]:
    servers = [{"name": "a1", "address": f"127.0.0.1:{port + 10000}"}, {"name": "b1", "address": f"127.0.0.1:{port + 10001}"}]
    return {"name": f"{name}_web", "service": name, "process": "web", "public": port, "internal": port + 20000, "servers": servers, "live": live}


def route(path: str, service: str, strip: bool = False, rewrite: str | None = None) -> dict[str, Any]:
    return {"path": path, "service": service, "process": "web", "strip": strip, "rewrite": rewrite, "websocket": False}


CATALOGUE = {
    "edge": {"port": 80, "bind": "0.0.0.0"},
    "hosts": {"box": {"address": "10.0.0.1", "services": ["auth", "page"]}, "other": {"address": "10.0.0.2", "services": ["trade"]}},
    "doors": [door("auth", 8000), door("page", 8088, live=None)],
    "datastores": {
        "redis": {"kind": "redis", "access_port": 26379, "docker": {"service": "redis"}, "users": {"auth": {}}},
        "trade-db": {"kind": "postgresql", "access_port": 25432, "docker": {"service": "db"}, "users": ["trade"]},
    },
    "services": {
        "auth": {"migration_group": "first", "processes": {"web": {"docker": {"service": "auth-service", "port": 80}}}},
        "page": {"migration_group": "last", "processes": {"web": {}}},
    },
    "routes": [route("/ws/orders", "auth", rewrite="/ws"), route("/api/auth", "auth", strip=True), route("/", "page")],
}


def render(name: str, **variables: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    known = {
        "edge_catalogue": CATALOGUE, "edge_server_seconds": 60, "edge_keep_alive_seconds": 60, "edge_tunnel_seconds": 3600, "edge_check_seconds": 1,
        "edge_check_fall": 3, "edge_check_timeout_seconds": 15, "edge_connections": 8000, "edge_tls_certificate": "", "edge_tls_port": 443,
        "edge_entrance_lines": [], "edge_sides": {}, "__edge_state": "/state", "__edge_hold": "/hold.lua",
    }
    known |= variables
    sides = known["edge_sides"]
    sockets = listen(known["edge_catalogue"], "box", known["edge_tls_port"] if known["edge_tls_certificate"] else 0, sides)
    known["__edge_doors"] = sided_doors(known["edge_catalogue"], "box", sides) if sides else []
    known["__edge_accesses"] = accesses(known["edge_catalogue"], "box", sides) if sides else []
    return environment.get_template(name).render(__edge_listen=sockets, **known)


SIDES = {
    "groups": {"first": "docker", "last": "docker"}, "published": [8000, 8088], "loopback": [8088], "ipv6": True,
    "bridges": {"auth-service": ["172.18.0.1", "172.19.0.1"]},
}

PROJECT = SIDES | {"project": "shop"}


@pytest.mark.parametrize("variables", [{}, {"edge_tls_certificate": "/etc/ssl/private/edge.pem"}, {"edge_sides": SIDES}, {"edge_sides": PROJECT}])
def test_every_socket_is_bound_once(variables: dict[str, Any]) -> None:
    """One that is listed and not bound leaves its clients hanging; one that is bound and not listed stops the proxy."""
    listed = re.findall(r"^(\w+)=", render("edge.listen.j2", **variables), re.MULTILINE)
    bound = re.findall(r'bind "fd@\$\{(\w+)\}"', render("edge.cfg.j2", **variables))
    assert sorted(bound) == sorted(name.upper() for name in listed)


def test_routes() -> None:
    text = render("edge.cfg.j2")
    assert 'set-var(txn.path) str(/ws) if { path /ws/orders } !routed' in text
    assert 'set-var-fmt(txn.path) "/ws%[path,bytes(10)]" if { path_beg /ws/orders/ } !routed' in text
    assert 'set-var-fmt(txn.path) "%[path,bytes(9)]" if { path_beg /api/auth/ } !routed' in text
    assert text.index("/api/auth: auth") < text.index("# /: page"), "the longest comes first"


def test_a_write_is_never_sent_twice() -> None:
    text = render("edge.cfg.j2")
    for backend in ("auth_web_write", "auth_web_ws"):
        section = text.partition(f"\nbackend {backend}\n")[2].partition("\nbackend ")[0]
        assert "http-reuse never" in section and "retry-on" not in section
    assert "retry-on conn-failure empty-response" in text.partition("\nbackend auth_web_read\n")[2].partition("\nbackend ")[0]
    assert "retry-on conn-failure\n" in text.partition("\ndefaults\n")[2].partition("\nfrontend ")[0]


def test_servers_are_checked_at_the_live_path_or_by_a_connection() -> None:
    text = render("edge.cfg.j2")
    assert text.count("option httpchk") == 1
    assert "http-check send meth GET uri /health/live ver HTTP/1.1 hdr Host auth" in text
    assert text.count(" check\n") == 4


def test_lines_of_ones_own_come_before_the_routes() -> None:
    text = render("edge.cfg.j2", edge_entrance_lines=["http-request deny if { src 192.0.2.1 }"])
    assert text.index("http-request deny if { src 192.0.2.1 }") < text.index("acl routed")


def test_a_reload_cuts_no_request_that_a_server_may_still_answer() -> None:
    text = render("edge.cfg.j2", edge_server_seconds=120)
    hard_stop = int(re.search(r"hard-stop-after (\d+)s", text)[1])
    assert hard_stop > int(re.search(r"timeout server (\d+)s", text)[1])


def test_while_either_side_can_serve_each_door_has_both() -> None:
    text = render("edge.cfg.j2", edge_sides=SIDES)
    for name in ("auth_web_read", "auth_web_docker_read", "page_web_docker_ws"):
        assert f"\nbackend {name}\n" in text
    assert 'server docker "${AUTH_WEB_CONTAINER-127.0.0.1:1}" check' in text
    section = text.partition("\nbackend auth_web_docker_write\n")[2].partition("\nbackend ")[0]
    assert "http-reuse never" in section and "retry-on" not in section
    assert text.count("http-request lua.hold") == 5, "before the route of the entrance and of both doors of each"
    assert text.index("lua.hold") < text.index("map_str(/state/side.map") < text.index("_docker_ws if docker websocket")
    without = render("edge.cfg.j2")
    assert "docker" not in without and "lua" not in without and "/state" not in without


def test_shared_datastores_in_containers_have_a_front_end() -> None:
    text, without = (render("edge.cfg.j2", edge_sides=sides) for sides in (PROJECT, SIDES))
    stop = r"(    # [^\n]*\n)    hard-stop-after \w+\n"
    assert "hard-stop-after 70s\n" in without and "hard-stop-after 7d\n" in text
    assert re.sub(stop, "", text).startswith(re.sub(stop, "", without)) and "access" not in without, "nothing else changes with it"
    redis = text.partition("\nlisten access_redis\n")[2].partition("\nlisten ")[0]
    assert 'bind "fd@${ACCESS_REDIS}"\n' in redis and "src" not in redis
    assert 'server docker "${ACCESS_REDIS_CONTAINER-127.0.0.1:1}"\n' in redis
    database = text.partition("\nlisten access_trade_db\n")[2]
    assert 'bind "fd@${ACCESS_TRADE_DB_HOSTS}"\n' in database
    assert "connection reject unless { src 127.0.0.0/8 10.0.0.1 10.0.0.2 }" in database
    assert "access_redis=127.0.0.1:26379\n" in render("edge.listen.j2", edge_sides=PROJECT)


def test_a_process_that_starts_in_a_hold_may_ask_for_the_health_of_others() -> None:
    doors = [{**door, "health": "/health/ready"} for door in CATALOGUE["doors"]]
    text = render("edge.cfg.j2", edge_sides=SIDES, edge_catalogue={**CATALOGUE, "doors": doors})
    internal = text.partition("\nfrontend auth_web_internal\n")[2].partition("\nbackend ")[0]
    assert "acl asking path /health/ready" in internal
    assert "lua.hold if held_all !asking or held_all !reading or held !reading" in internal
    assert "asking" not in text.partition("\nfrontend auth_web_public\n")[2].partition("\nfrontend ")[0]


def test_reads_that_write_wait_with_the_writes() -> None:
    processes = {"web": {**CATALOGUE["services"]["auth"]["processes"]["web"], "reads": "hold"}}
    services = {**CATALOGUE["services"], "auth": {**CATALOGUE["services"]["auth"], "processes": processes}}
    text = render("edge.cfg.j2", edge_sides=SIDES, edge_catalogue={**CATALOGUE, "services": services})
    assert text.count("set-var(txn.reads) str(hold)") == 3, "both doors of the process, and the entrance for its routes"
    assert "str(hold) if { var(txn.door) -m str auth_web }" in text


def test_doors_of_published_ports_stand_aside() -> None:
    text = render("edge.listen.j2", edge_sides=SIDES)
    assert "auth_web_public=0.0.0.0:38000\nauth_web_public_v6=[::]:38000\n" in text
    assert "page_web_public=127.0.0.1:38088\n" in text, "one that only programs of the host reach"
    assert "auth_web_internal_bridge1=172.18.0.1:28000\nauth_web_internal_bridge2=172.19.0.1:28000\n" in text


def test_what_the_watcher_reads_is_not_pruned_with_what_services_left_behind() -> None:
    """The role units removes what fits its patterns and is not of a service."""
    edge = yaml.safe_load((ROOT / "roles/edge/vars/main.yml").read_text(encoding="utf-8"))
    placed = [each["dest"] for each in edge["__edge_watch_placed"] + edge["__edge_router_files"]]
    tasks = yaml.safe_load((ROOT / "roles/units/tasks/configure.yml").read_text(encoding="utf-8"))
    patterns = next(task["cryptobot.native.tree"]["prune"] for task in tasks if "cryptobot.native.tree" in task)
    assert [path for path in placed for pattern in patterns if fnmatch(path, pattern)] == []
