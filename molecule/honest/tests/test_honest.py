"""Check mode's list against what the run then changes: read from the operator's screen, and by snapshots of the host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deploy import play
from predicted import Prediction, Thing, excused, seen
from releases import Releases, releases
from snapshots import SCRIPT, Snapshot, snapshot

OBJECTS = SCRIPT.with_name("host_objects.py")
# What servers write by themselves, whoever looks at them.
SERVERS = r".* \S+ /var/lib/(postgresql/\d+/main|redis/cryptobot)/.*"
# What the run changes and the list does not name thing by thing, each with its reason; patterns over "action kind name".
UNNAMED = {
    r".* file /var/lib/cryptobot/(state\.jsonl|slots\.json|(migrations|was)/.*|redis-.*\.json)": "the collection's own books of what it has done",
    r"add directory /var/lib/cryptobot/(migrations|was)": "the collection's own books of what it has done",
    r"add file /opt/cryptobot/\.lock": "held while releases change; empty",
    r".* \S+ /opt/cryptobot/cache(/.*)?": "a cache",
    r"(change|add) file /etc/(passwd|group|shadow|gshadow)": "accounts, which are compared by name",
    r"add directory /etc/systemd/system/[^/]*\.wants": "holds the links of enabled units, which are compared by name",
    SERVERS: "data of running servers; what is in the databases is compared by name",
    r"add directory /var/log/(apt|postgresql|redis)": "logs",
    r"start unit network-online\.target": "a point that is passed, not a thing",
}
# What a release's own migration makes; the list says that only it can tell.
MIGRATED = (r".* postgresql (relation|rights of \S+ on relation) {database}\..*",)
# What the list names and no snapshot can show.
NOT_TO_BE_SEEN = {
    r"reload unit .*": "the process stays the same one, with files that are compared",
    r"migrate schema .*": "what it makes is said to be the migration's",
    r"add artefact .*": "in the controller's store",
    r"change setting .*": "the live value of what a compared file says",
    r"change sysctl (?!net\.).*": "a test host shares these with the machine around it",
}
SYSV = r"add link /etc/rc[0-6S]\.d/[KS]\d\d{}"
# What packages' own scripts make when they come, by package. Like the files in dpkg's books only the archive can tell.
BROUGHT = {
    "postgresql-common": (
        r"add \S+ /etc/postgresql-common/(createcluster\.conf|root\.crt)",
        r"add file /etc/apt/apt\.conf\.d/02autoremove-postgresql",
        r"add link (/etc/alternatives/.*|/usr/(share/man|bin|lib)/.*)",
        r"add (user|group) postgres",
        r"(enable|start) unit postgresql\.service",
        SYSV.format("postgresql"),
    ),
    "postgresql-15": (
        r"add \S+ /etc/postgresql/15(/main(/(conf\.d|environment|pg_ctl\.conf|postgresql\.conf|start\.conf))?)?",
        r"add directory /var/lib/postgresql/15(/main)?",
        r"add postgresql (role postgres|database (postgres|template[01])|rights of PUBLIC on \S+ (postgres|template[01])(\.public)?)",
        r"add link (/etc/alternatives/.*|/usr/(share/man|bin|lib)/.*)",
    ),
    "redis-server": (r"add directory /var/lib/redis(/cryptobot)?", SYSV.format("redis-server")),
    "redis-tools": (r"add (user|group) redis",),
    "haproxy": (r"add (user|group) haproxy", SYSV.format("haproxy")),
    "pgbouncer": (SYSV.format("pgbouncer"),),
    "ssl-cert": (r"add group ssl-cert", r"add \S+ /etc/ssl/(certs|private)/.*"),
    "netbase": (r"add file /etc/networks",),
    "locales": (r"add \S+ /etc/(locale\.gen|default/locale)",),
}


@dataclass
class Run:
    """A prediction, and the host before and after the run that followed."""

    prediction: Prediction
    before: Snapshot
    after: Snapshot

    @property
    def things(self) -> set[Thing]:
        """The prediction in a snapshot's words: some things show as others."""
        found = set()
        for kind, name, does in self.prediction.things:
            if kind in ("release", "tool"):
                found.add(("directory", name, does))
            elif kind == "postgresql" and name.startswith("lookup of "):
                role, database = name.removeprefix("lookup of ").split(" in ")
                found.add((kind, f"function {database}.cryptobot_pooler.lookup(text)", does))
                found.add((kind, f"rights of {role} on schema {database}.cryptobot_pooler", does))
            else:
                found.add((kind, name, does))
        return found

    def differences(self, archive_read: bool = True) -> tuple[set[Thing], set[Thing]]:
        """What was changed and not foreseen, and what was foreseen and is not so; both but for the fixed list."""
        happened, foreseen = seen(self.before, self.after), self.things
        unforeseen = happened - foreseen - excused(happened, UNNAMED) - self._of_packages(happened) - self._in_releases(happened)
        if self.prediction.of("schema", "migrate"):
            databases = [name for name in self.after["databases"] if name not in ("postgres", "template0", "template1")]
            unforeseen -= excused(unforeseen, [pattern.format(database=each) for each in databases for pattern in MIGRATED])
        if not archive_read:
            unforeseen -= {thing for thing in unforeseen if thing[0] == "package"}
        return unforeseen, foreseen - happened - excused(foreseen, NOT_TO_BE_SEEN)

    def _of_packages(self, happened: set[Thing]) -> set[Thing]:
        """What came with packages that came: their files by dpkg's books, and what their scripts make."""
        came = {name for kind, name, does in happened if (kind, does) == ("package", "add")}
        files = {path for path, packages in self.after["owned"].items() if came & set(packages.split())}
        # Debian has merged /lib into /usr/lib, and some packages' books still say /lib.
        files |= {f"/usr{path}" for path in files}
        owned = {thing for thing in happened if thing[0] in ("file", "link", "directory") and thing[1] in files}
        return owned | excused(happened, [pattern for name in came for pattern in BROUGHT.get(name, ())])

    def _in_releases(self, happened: set[Thing]) -> set[Thing]:
        whole = self.prediction.whole_directories()
        gone = tuple(f"{name}/" for name in self.prediction.of("release", "remove"))
        return {(kind, name, does) for kind, name, does in happened if name.startswith({"add": whole, "remove": gone}.get(does, ()))}


def look(host) -> Snapshot:
    return {**snapshot(host), **snapshot(host, OBJECTS)}


def name_of(host) -> str:
    return host.ansible.get_variables()["inventory_hostname"]


def shown(things: set[Thing]) -> str:
    return "\n".join(f"{does} {kind} {name}" for kind, name, does in sorted(things))


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    with releases(tmp_path_factory.mktemp("own")) as made:
        yield made


def foresee(host, application: Releases, variables) -> Prediction:
    """What the operator sees of check mode, which leaves the host as it was."""
    before = look(host)
    screen = play(variables, application.folder, "site.yml", "--check", "--diff")
    changed = seen(before, look(host))
    assert not changed - excused(changed, [SERVERS]), "check mode has changed something"
    return Prediction.read(screen, name_of(host))


def equal(run: Run, archive_read: bool = True) -> None:
    unforeseen, untrue = run.differences(archive_read)
    assert not unforeseen and not untrue, f"changed, not foreseen:\n{shown(unforeseen)}\nforeseen, not so:\n{shown(untrue)}"


@pytest.fixture(scope="module")
def bare(host, application: Releases) -> dict[str, Run]:
    """The first installation, foreseen before package lists were fetched and after it."""
    host.check_output("find /var/lib/apt/lists -type f -delete")
    without = foresee(host, application, application.first())
    host.check_output("apt-get update --quiet")
    with_lists = foresee(host, application, application.first())
    before = look(host)
    play(application.first(), application.folder)
    after = look(host)
    return {"without lists": Run(without, before, after), "with lists": Run(with_lists, before, after)}


@pytest.fixture(scope="module")
def behind(host, application: Releases, bare: dict[str, Run]) -> Run:
    """The second release with another setting and a migration, on a host that has the first."""
    prediction, before = foresee(host, application, application.second()), look(host)
    play(application.second(), application.folder)
    return Run(prediction, before, look(host))


@pytest.fixture(scope="module")
def finished(host, application: Releases, behind: Run) -> Run:
    prediction, before = foresee(host, application, application.second()), look(host)
    play(application.second(), application.folder)
    return Run(prediction, before, look(host))


@pytest.fixture(scope="module")
def meddled(host, application: Releases, finished: Run) -> Run:
    """A finished host on which somebody else makes something after the prediction."""
    before, made = look(host), application.made
    host.check_output("echo planted > /etc/cryptobot/planted")
    host.check_output(f"echo planted > /opt/cryptobot/{made.front}/current/planted")
    host.check_output(
        "printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/planted.service"
        " && systemctl enable --now --quiet planted.service"
    )
    host.check_output(
        "mkdir -p /tmp/p/DEBIAN && printf 'Package: planted\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b>\\nDescription: a\\n'"
        " > /tmp/p/DEBIAN/control && dpkg-deb --build /tmp/p /tmp/p.deb && dpkg --install /tmp/p.deb"
    )
    database = made.store.replace("-", "_")
    host.check_output(f"runuser --user postgres -- psql --quiet --command 'GRANT CONNECT ON DATABASE {database} TO pg_monitor'")
    host.check_output("runuser --user postgres -- psql --quiet --command 'CREATE ROLE planted'")
    play(application.second(), application.folder)
    return Run(finished.prediction, before, look(host))


def test_a_bare_host_with_package_lists(bare: dict[str, Run]) -> None:
    equal(bare["with lists"])


def test_a_bare_host_without_package_lists(bare: dict[str, Run]) -> None:
    run = bare["without lists"]
    equal(run, archive_read=False)
    asked = run.prediction.of("package", "add")
    assert asked and all(("package", name, "add") in run.prediction.unknown for name in asked), "not said to be unknown yet"
    assert asked < bare["with lists"].prediction.of("package", "add"), "there were no dependencies to foresee"


def test_a_bare_host_is_foreseen_in_every_kind(bare: dict[str, Run]) -> None:
    kinds = {kind for kind, __, __ in bare["with lists"].prediction.things}
    assert kinds >= {"file", "directory", "link", "package", "unit", "user", "group", "postgresql", "redis", "release", "schema"}


def test_a_host_one_release_behind(behind: Run) -> None:
    equal(behind)
    assert behind.prediction.of("release", "add") and behind.prediction.of("schema", "migrate") and behind.prediction.of("file", "change")


def test_a_finished_host(finished: Run) -> None:
    assert finished.prediction.things == frozenset()
    assert finished.differences() == (set(), set())


@pytest.mark.parametrize(
    "planted",
    [
        ("file", "/etc/cryptobot/planted", "add"),
        ("file", "/etc/systemd/system/planted.service", "add"),
        ("unit", "planted.service", "enable"),
        ("unit", "planted.service", "start"),
        ("package", "planted", "add"),
        ("postgresql", "rights of pg_monitor on database {store}", "add"),
        ("postgresql", "role planted", "add"),
        ("file", "/opt/cryptobot/{front}/releases/{release}/planted", "add"),
    ],
    ids=lambda thing: " ".join(thing[::2]),
)
def test_what_nobody_foresaw_breaks_the_equality(host, application: Releases, meddled: Run, planted: Thing) -> None:
    made = application.made
    release = host.check_output(f"basename $(readlink /opt/cryptobot/{made.front}/current)")
    kind, name, does = planted
    unforeseen, __ = meddled.differences()
    assert (kind, name.format(store=made.store.replace("-", "_"), front=made.front, release=release), does) in unforeseen


def test_nothing_but_what_was_planted_breaks_it(meddled: Run) -> None:
    unforeseen, untrue = meddled.differences()
    assert not untrue
    assert {thing for thing in unforeseen if "planted" not in thing[1] and "pg_monitor" not in thing[1]} == set()
