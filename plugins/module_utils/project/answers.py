# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new project is made from: the answers, what they may be, and the questions for those that nobody gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalogue.fields import Field, check
from ..catalogue.findings import Findings
from ..catalogue.inventory import ENVIRONMENTS, LOOPBACK, PARENT, Host, Inventory, is_address
from ..catalogue.variables import SOURCE

PLACES = ("database", "cache", "app", "edge", "build")
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
LOCAL = "localhost"

_HOST = Field("str", "", pattern=r"[A-Za-z0-9][A-Za-z0-9.:-]*", pattern_words="a host name or an IP address")
ANSWERS = Field(
    "dict",
    "The answers.",
    "{host: app1.example.com, environment: production, source: {path: /srv/application}}",
    options={
        "host": Field(
            "str",
            "The one host for everything.",
            "app1.example.com",
            pattern=_HOST.pattern,
            pattern_words=_HOST.pattern_words,
        ),
        "hosts": Field(
            "dict",
            "Which host does what; what is left out goes with `app`.",
            "{database: db1.example.com, app: app1.example.com}",
            options={
                place: Field("str", "", pattern=_HOST.pattern, pattern_words=_HOST.pattern_words) for place in PLACES
            },
        ),
        "user": Field(
            "str",
            "The user to log in as; it uses sudo unless it is root. Absent: the one that runs Ansible.",
            "operator",
            pattern=r"[a-z_][a-z0-9_-]*",
            pattern_words="the name of a user",
        ),
        "environment": Field("str", "development, staging or production.", "production", choices=ENVIRONMENTS),
        "source": SOURCE,
    },
)


class AnswersError(ValueError):
    """What is wrong with the answers, all of it."""


@dataclass(frozen=True)
class Answers:
    """Complete answers. `hosts`: for each place its host."""

    hosts: Mapping[str, str]
    environment: str
    source: Mapping[str, str]
    user: str = ""

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(self.hosts[place] for place in ("app", *PLACES)))

    def groups_of(self, host: str) -> list[str]:
        return [f"{PARENT}_{place}" for place in PLACES if self.hosts[place] == host]

    @property
    def inventory(self) -> Inventory:
        hosts = (
            Host(name, LOOPBACK if name == LOCAL else name, frozenset([PARENT, *self.groups_of(name)]))
            for name in self.names
        )
        return Inventory(tuple(hosts), self.environment)


@dataclass(frozen=True)
class Question:
    """One that has to be asked, and what no answer means."""

    key: str
    text: str
    default: str


def questions(given: Mapping[str, Any], directory: Path) -> list[Question]:
    """What cannot be found out from the answers given and from the directory in which the command was started."""
    asked: list[Question] = []
    if not given.get("host") and not given.get("hosts"):
        asked.append(Question("host", "Which host should the platform run on (name or address)?", LOCAL))
    if not given.get("environment"):
        asked.append(Question("environment", "Which environment is it (development, staging, production)?", "staging"))
    if not given.get("source") and not find_compose(directory):
        asked.append(Question("source", "In which directory is the application's source?", str(directory)))
    return asked


def find_compose(directory: Path) -> Path | None:
    """The Compose file of a project that lies in `directory`."""
    return next((directory / name for name in COMPOSE_FILES if (directory / name).is_file()), None)


def complete(given: Mapping[str, Any], directory: Path) -> Answers:
    """Answers with what was found out and the defaults of the rest.

    Raises AnswersError with everything that is wrong.
    """
    findings = Findings()
    check(ANSWERS, given, "answers", findings)
    if isinstance(given, Mapping) and given.get("host") and given.get("hosts"):
        findings.add("answers", "has host and hosts; one of them", "host: app1.example.com")
    if len(findings):
        raise AnswersError(findings.report("the answers"))
    defaults = {question.key: question.default for question in questions(given, directory)}
    places = given.get("hosts") or {}
    app = places.get("app") or given.get("host") or next(iter(places.values()), LOCAL)
    hosts = {place: places.get(place, app) for place in PLACES}
    for name in hosts.values():
        if not is_address(name):
            findings.add("answers.hosts", "one is neither an IP address nor a host name", "host: 10.0.0.5")
    if LOCAL in hosts.values() and len(set(hosts.values())) > 1:
        findings.add("answers.hosts", "localhost cannot be reached by the other hosts", "host: 10.0.0.5")
    if len(findings):
        raise AnswersError(findings.report("the answers"))
    source = given.get("source") or {"path": str(directory)}
    return Answers(hosts, given.get("environment") or defaults["environment"], source, given.get("user", ""))
