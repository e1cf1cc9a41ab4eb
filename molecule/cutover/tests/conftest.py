"""A host with a Compose project whose group changes sides by the playbooks, under a load that goes on meanwhile."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

from plays import Plays  # noqa: E402

LOG = "/root/load.log"
DATABASES = {"orders": "orders_db", "ledger": "ledger_db"}
OUTSIDE = (
    "ip netns add outside",
    "ip link add inside type veth peer name eth0 netns outside",
    "ip address add 192.0.2.1/24 dev inside",
    "ip link set inside up",
    "ip -n outside address add 192.0.2.10/24 dev eth0",
    "ip -n outside link set eth0 up",
    "ip -n outside link set lo up",
    "systemd-run --quiet --unit=exchange ip netns exec outside python3 /srv/shop/exchange.py serve",
    "sleep 1",
)
WINDOW = "/var/lib/cryptobot-router/ended.json"
BOOKS = {
    "docker": Path("/var/lib/docker/volumes/shop_book/_data/papers.sqlite"),
    "native": Path("/var/lib/cryptobot-datastores/book/book.sqlite"),
}
READ = "sqlite3.connect(sys.argv[1]).execute('SELECT at, side FROM ticks').fetchall()"
TICKS = f"import json, sqlite3, sys; print(json.dumps({READ}))"


class Request(NamedTuple):
    """A line of the load's log."""

    start: float
    end: float
    kind: str
    status: str
    row: str
    said: str


def container(service: str) -> str:
    """In a shell the container of a Compose service, whose name Compose v1 and v2 spell differently."""
    labels = (f"com.docker.compose.{key}={value}" for key, value in (("project", "shop"), ("service", service)))
    return f"$(docker ps --all --quiet {' '.join(f'--filter label={label}' for label in labels)})"


class Shop:
    """Both sides of the application, and the load before them."""

    def __init__(self, host: Any) -> None:
        self.host, self.given = host, ""

    def address(self, service: str) -> str:
        """Of its container."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.host.check_output(f"docker inspect -f '{form}' {container(service)}")

    def sql(self, side: str, datastore: str, query: str) -> list[str]:
        place = (
            f"PGPASSWORD=superword psql -h {self.address('postgres')} -U postgres -d {DATABASES[datastore]}"
            if side == "docker"
            else f"runuser -u postgres -- psql -d {datastore}"
        )
        return self.host.check_output(f'cd /; {place} -XAtqc "{query}"').splitlines()

    def begin(self) -> None:
        dsn = f"postgresql://orders:orderword@{self.address('postgres')}/orders_db"
        redis = f"{self.address('redis')}:cacheword"
        self.host.check_output(f"systemd-run --unit=load python3 /srv/shop/load.py {LOG} {dsn} {redis}")

    def redis(self, side: str, *words: str) -> list[str]:
        """By the container's own client behind the wall, or as the service natively."""
        place = (
            f"docker exec -e REDISCLI_AUTH=cacheword {container('redis')} redis-cli"
            if side == "docker"
            else "REDISCLI_AUTH=natively-and-nowhere-else redis-cli --user orders"
        )
        return self.host.check_output(f"{place} {' '.join(words)}").splitlines()

    def rights(self, side: str) -> str:
        """How the users of a Redis are, but for their passwords and ours."""
        place = (
            f"docker exec -e REDISCLI_AUTH=cacheword {container('redis')} redis-cli"
            if side == "docker"
            else "REDISCLI_AUTH=$(cat /etc/cryptobot/redis-admin.password) redis-cli --user cryptobot-admin"
        )
        return self.host.check_output(f"{place} ACL LIST | grep -v 'user cryptobot-' | sort")

    def end(self) -> None:
        self.host.check_output("systemctl stop load")

    def exchange(self) -> None:
        """An exchange in a network of its own, which a boot forgets."""
        self.host.check_output(f"test -e /run/netns/outside || ({' && '.join(OUTSIDE)})")

    def reaches(self, side: str) -> bool:
        """Whether this side of the service may connect there."""
        where = f"docker exec {container('orders')}" if side == "docker" else "runuser -u cryptobot-orders --"
        return self.host.run(f"{where} python3 /srv/shop/exchange.py ask").rc == 0

    def talk(self) -> None:
        """The container has a connection to the exchange, and keeps it."""
        self.host.check_output(f"docker exec -d {container('orders')} sh -c 'python3 /srv/shop/exchange.py talk 2> /tmp/talk'")

    def talked(self) -> str:
        """How that ended; empty while it goes on."""
        return self.host.check_output(f"docker exec {container('orders')} cat /tmp/talk")

    def requests(self, since: float = 0.0) -> list[Request]:
        lines = (line.split("\t") for line in self.host.check_output(f"cat {LOG}").splitlines())
        found = [Request(float(one[0]), float(one[1]), *one[2:5], one[5] if len(one) > 5 else "") for one in lines]
        return [one for one in found if one.start >= since]

    def now(self) -> float:
        return float(self.host.check_output("date +%s.%N"))

    def containers(self) -> str:
        """What a cutover must not change: which containers there are, since when, and how they are made."""
        form = "{{.Name}} {{.Id}} {{.State.StartedAt}} {{.RestartCount}} {{json .Config}}"
        names = " ".join(map(container, ("postgres", "redis", "orders", "ledger")))
        return self.host.check_output(f"docker inspect --format '{form}' {names} | sort")

    def answers(self, port: int, path: str = "/who") -> dict[str, Any]:
        return json.loads(self.host.check_output(f"curl -s --max-time 20 http://127.0.0.1:{port}{path}"))

    def papers(self) -> str:
        """Of what runs on one side alone the container's restart policy, whether it runs, and how many stand in for it."""
        form = "{{.HostConfig.RestartPolicy.Name}} {{.State.Running}}"
        standins = "docker ps -q --filter label=cryptobot-native.stand-in-for=papers | wc -l"
        return self.host.check_output(f"echo $(docker inspect --format '{form}' {container('papers')}) $({standins})")

    def window(self) -> dict[str, Any]:
        return json.loads(self.host.check_output(f"cat {WINDOW}"))

    def record(self) -> dict[str, Any]:
        return json.loads(self.host.check_output("cat /var/lib/cryptobot-migration/sides.json"))

    def state(self) -> dict[str, Any]:
        """Maps, record and fences, which no play but a change of sides may change."""
        row = "SELECT state, epoch FROM migration.fence"
        fences = {side: self.sql(side, "orders", row) for side in ("docker", "native")}
        maps = self.host.check_output("cd /var/lib/cryptobot-router && cat *.map adoption.json containers")
        return {"maps": maps, "record": self.record(), "fences": fences}

    def ids(self, side: str, datastore: str) -> Counter[str]:
        return Counter(self.sql(side, datastore, "SELECT id FROM rows WHERE id !~ '^seed'"))

    def judge(self, side: str, since: float, may_fail: bool = False) -> None:
        """Every acknowledged write exactly once where it belongs; no request failed."""
        # First what was acknowledged, then what is there: the load goes on.
        answered = self.requests()
        past = ("past", "list")
        counted = [one for one in answered if one.kind not in past and one.start >= since]
        failed = [one for one in counted if one.status != "200"]
        where = {"orders": side, "ledger": "docker"}
        kept = {name: self.ids(where[name], name) for name in where}
        written = ("orders-w", "ledger-w", "notes", *past)
        every = [one for one in answered if one.status == "200" and one.kind in written]
        belongs = {"orders": ("orders-w", "past"), "ledger": ("orders-w", "ledger-w"), "list": ("orders-w", "list")}
        papers = self.answers(7020, "/all")
        kept |= {"book": Counter(papers["rows"]), "files": Counter(papers["notes"])}
        belongs |= {"book": ("notes",), "files": ("notes",)}
        kept["list"] = Counter(self.redis(side, "LRANGE orders:rows 0 -1"))
        lost = [one for name, kinds in belongs.items() for one in every if one.kind in kinds and one.row not in kept[name]]
        doubled = [row for rows in kept.values() for row, count in rows.items() if count > 1]
        writes = sorted(one.end for one in counted if one.kind == "orders-w" and one.status == "200")
        gap = max((after - before for before, after in zip(writes, writes[1:], strict=False)), default=0.0)
        slowest = max((one.end - one.start for one in counted), default=0.0)
        print(
            f"{len(counted)} requests, {len(failed)} failed, {len(every)} acknowledged writes, {len(lost)} lost, "
            f"{len(doubled)} doubled; longest gap between writes {gap:.2f} s, slowest request {slowest:.2f} s",
            flush=True,
        )
        assert may_fail or not failed, failed[:5]
        assert not lost, lost[:5]
        assert not doubled, doubled[:5]
        # Counted and appended in one transaction; what went past the doors was appended alone.
        script = "return {redis.call('LRANGE',KEYS[1],0,-1), redis.call('GET',KEYS[2])}"
        *listed, count = self.redis(side, f'EVAL "{script}" 2 orders:rows orders:count')
        assert int(count) == sum("-list-" not in row for row in listed)

    def one_of_each(self) -> None:
        """Ticks of the two sides are never mixed: whoever comes has seen the other one end."""
        side = self.record()["groups"].get("first", "docker")
        lines = self.host.check_output("cat /var/lib/cryptobot-migration/journal.jsonl").splitlines()
        moves = sum((each["step"], each["phase"]) == ("window", "done") for each in map(json.loads, lines))
        left, here = self.left("native" if side == "docker" else "docker"), self.answers(7020, "/all")["ticks"]
        assert here[-1][1] == side
        assert not (since := {tuple(tick) for tick in left} - {tuple(tick) for tick in here}), sorted(since)[:5]
        worker = self.sql(side, "orders", "SELECT side FROM ticks ORDER BY at, n")
        for name, sides in {"worker": worker, "papers": [each for __, each in here]}.items():
            changes = sum(before != after for before, after in zip(sides, sides[1:], strict=False))
            print(f"{len(sides)} ticks of the {name}, {changes} changes of sides in {moves} windows")
            assert changes <= moves

    def left(self, side: str) -> list[list[Any]]:
        """The ticks in the SQLite file that nobody uses, read from a copy."""
        book = BOOKS[side]
        copy = f"rm -rf /root/left && cp -r {book.parent} /root/left && python3 -c \"{TICKS}\" /root/left/{book.name}"
        return json.loads(self.host.check_output(f"if [ -e {book} ]; then {copy}; else echo []; fi"))


@pytest.fixture(scope="module")
def play() -> Plays:
    return Plays(HERE)


@pytest.fixture(scope="module")
def shop(host) -> Shop:
    return Shop(host)
