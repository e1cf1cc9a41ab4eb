"""What check mode said, and what two snapshots show, as sets of the same words: kind, name, what happens to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from snapshots import Snapshot

Thing = tuple[str, str, str]



@dataclass(frozen=True)
class Prediction:
    """Of one host. ``unknown``: what is said not to be known yet, by thing."""

    things: frozenset[Thing]
    unknown: dict[Thing, str] = field(default_factory=dict)

    @classmethod
    def read(cls, screen: str, host: str) -> Prediction:
        """From what the operator sees."""
        lines = screen.splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith(f"{host} would change: "))
        things, unknown = set(), {}
        for line in lines[start + 1 :]:
            if not (said := re.fullmatch(r"  (\S+) (\S+) (.+?)(?: \(not known yet: (.*)\))?", line)):
                break
            thing = (said[2], said[3], said[1])
            things.add(thing)
            if said[4]:
                unknown[thing] = said[4]
        return cls(frozenset(things), unknown)

    def of(self, kind: str, action: str) -> set[str]:
        return {name for each, name, does in self.things if (each, does) == (kind, action)}

    def whole_directories(self) -> tuple[str, ...]:
        """Those of which it is said that what is in them can't be known yet."""
        return tuple(f"{name}/" for kind, name, __ in self.unknown if kind in ("release", "directory"))


def seen(before: Snapshot, after: Snapshot) -> set[Thing]:
    """What differs between two snapshots, in the words of a prediction."""
    return {thing for look in (_files, _packages, _accounts, _units, _postgresql, _redis, _kernel) for thing in look(before, after)}


def differing(before: Snapshot, after: Snapshot, kind: str) -> Iterator[tuple[str, str, str | None, str | None]]:
    for name in sorted({*before[kind], *after[kind]}):
        was, is_ = before[kind].get(name), after[kind].get(name)
        if was != is_:
            yield name, "add" if was is None else "remove" if is_ is None else "change", was, is_


def _files(before: Snapshot, after: Snapshot) -> Iterator[Thing]:
    """Where a file is what systemd or its operator means by a word, that word: links of enabled and of masked units."""
    for path, does, was, is_ in differing(before, after, "files"):
        what = is_ or was or ""
        if wanted := re.fullmatch(r"/etc/systemd/system/[^/]+\.(?:wants|requires)/([^/]+)", path):
            yield "unit", wanted[1], {"add": "enable", "remove": "disable"}.get(does, does)
        elif what == "link to /dev/null" and path.startswith("/etc/systemd/system/"):
            yield "unit", path.rpartition("/")[2], {"add": "mask", "remove": "unmask"}.get(does, does)
        else:
            yield what.split()[0], path, does
    for name, does, __, __ in differing(before, after, "log directories"):
        yield "directory", f"/var/log/{name}", does


def _packages(before: Snapshot, after: Snapshot) -> Iterator[Thing]:
    for name, does, __, __ in differing(before, after, "packages"):
        yield "package", name.split(":")[0], does
    for name, does, __, __ in differing(before, after, "held"):
        yield "hold", name, does


def _accounts(before: Snapshot, after: Snapshot) -> Iterator[Thing]:
    for kind in ("users", "groups"):
        for name, does, __, __ in differing(before, after, kind):
            yield kind.removesuffix("s"), name, does


def _units(before: Snapshot, after: Snapshot) -> Iterator[Thing]:
    for name, __, __, is_ in differing(before, after, "units"):
        yield "unit", name, {"active": "start", "failed": "fail", None: "stop"}[is_]
    for name, does, __, __ in differing(before, after, "processes"):
        if does == "change":
            yield "unit", name, "restart"


def _postgresql(before: Snapshot, after: Snapshot) -> Iterator[Thing]:
    titles = {
        "roles": "role {}",
        "passwords": "password of role {}",
        "memberships": "membership of {}",
        "databases": "database {}",
        "settings of roles": "{}",
        "extensions": "extension {}",
        "relations": "relation {}",
        "functions": "function {}",
    }
    for kind, title in titles.items():
        for name, does, __, __ in differing(before, after, kind):
            yield "postgresql", title.format(name), does
    for name, does, __, __ in differing(before, after, "grants"):
        role, default, rest = re.fullmatch(r"(\S+) (by default )?on (.*)", name).groups()  # type: ignore[union-attr]
        yield "postgresql", f"{'default rights' if default else 'rights'} of {role} on {rest}", does


def _redis(before: Snapshot, after: Snapshot) -> Iterator[Thing]:
    for name, does, __, __ in differing(before, after, "redis users"):
        yield "redis", f"user {name}", does


def _kernel(before: Snapshot, after: Snapshot) -> Iterator[Thing]:
    for path, does, __, __ in differing(before, after, "kernel settings"):
        yield "sysctl", path.removeprefix("/proc/sys/").replace("/", "."), does


def excused(things: Iterable[Thing], reasons: Iterable[str]) -> set[Thing]:
    """Those that one of the patterns over ``action kind name`` names."""
    pattern = re.compile("|".join(f"(?:{each})" for each in reasons) or "(?!)")
    return {thing for thing in things if pattern.fullmatch(f"{thing[2]} {thing[0]} {thing[1]}")}
