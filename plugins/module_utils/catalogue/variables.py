# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public variables of an inventory, beside the options of roles. One source for their check and their reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .fields import Field, check
from .findings import Findings, shown, suggestion
from .inventory import ENVIRONMENTS
from .merge import PREFIXES
from .schema import CATALOGUE
from .vault import EXAMPLES, VARIABLE

PREFIX = "cryptobot_"
SOURCE = Field(
    "dict",
    "The application's source: exactly one of `path`, `git` and `archive`.",
    "cryptobot_source: {path: /srv/application}",
    options={
        "path": Field("str", "Directory on the controller.", "/srv/application"),
        "git": Field("str", "Repository; then `version` is needed.", "https://git.example.com/application.git"),
        "version": Field("str", "Tag or revision.", "v1.2.0"),
        "archive": Field(
            "str",
            "URL or path of an archive; then `checksum` is needed.",
            "https://example.com/application-1.2.0.tar.gz",
        ),
        "checksum": Field(
            "str",
            "Its digest.",
            "sha256:…",
            pattern=r"sha256:[0-9a-f]{64}",
            pattern_words="sha256: and 64 hexadecimal digits",
        ),
    },
)


def _text(doc: str, example: str) -> Field:
    return Field("str", doc, example, default="")


COMPOSE = Field(
    "dict",
    "The Docker Compose project that the platform moves from; left out where there is none. As long as it is given, "
    "what the record of sides does not say to be native is left to it.",
    "cryptobot_compose: {project: cryptobot, directory: /srv/cryptobot}",
    options={
        "project": Field(
            "str",
            "Its name: the label com.docker.compose.project of its containers.",
            "cryptobot",
            required=True,
            pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
            pattern_words="letters, digits and _ -",
        ),
        "directory": Field(
            "str",
            "Its directory on the host. Default: what its containers say.",
            "/srv/cryptobot",
            pattern=r"/[^\0\n]*",
            pattern_words="an absolute path",
        ),
        "files": Field(
            "list",
            "Its Compose files, relative to the directory. Default: what its containers say.",
            "[docker-compose.yml]",
            elements=Field("str", "", "docker-compose.yml", pattern=r"[^\0\n]+", pattern_words="the name of a file"),
        ),
        "accept": Field(
            "list",
            "Decisions about findings of `preflight` and `plan` that have been made, as `code` or `code:where`.",
            "['layer-files:auth-service']",
            elements=Field("str", "", pattern=r"[a-z-]+(:.+)?", pattern_words="code or code:where"),
        ),
        "changes": Field(
            "map",
            "Intended changes of the configuration: by `compose-service:VARIABLE`, or by `VARIABLE` for all, the reason.",
            "{'trade-service:LOG_LEVEL': less is logged from now on}",
            names=r"[^\0\n]+",
            pattern_words="compose-service:VARIABLE, or VARIABLE",
            elements=Field("str", "", pattern=r".*\S.*", pattern_words="a reason"),
        ),
    },
)


PUBLIC: Mapping[str, Field] = {
    "cryptobot_environment": Field(
        "str",
        "Which of the environments this is; services are told.",
        "cryptobot_environment: staging",
        choices=ENVIRONMENTS,
        default="development",
    ),
    "cryptobot_catalogue": Field(
        "str",
        "The shipped catalogue to start from, or `none`.",
        "cryptobot_catalogue: none",
        choices=("cryptobot", "none"),
        default="cryptobot",
    ),
    "cryptobot_migration_groups": Field(
        "list",
        "Replaces the groups in which services move.",
        "cryptobot_migration_groups: [infrastructure, edge]",
        elements=CATALOGUE.options["migration_groups"].elements,
    ),
    "cryptobot_entrance": Field(
        "dict",
        "Replaces the catalogue's `edge`.",
        "cryptobot_entrance: {port: 8080}",
        options=CATALOGUE.options["edge"].options,
    ),
    "cryptobot_source": SOURCE,
    "cryptobot_compose": COMPOSE,
    "cryptobot_address": Field(
        "str",
        "The address under which the other hosts reach a host. Default: `ansible_host`, else 127.0.0.1.",
        "cryptobot_address: 10.0.0.5",
    ),
    VARIABLE: Field(
        "any",
        "Values of the secrets by service; only ever in a vault.",
        EXAMPLES["password"] % ("billing", "redis_password"),
    ),
}

_ROLE = "the option of the role that uses it counts"
# Old names, and what took their place and why. A removed name stays here for one major version.
RENAMED: Mapping[str, tuple[str, str]] = {
    "cryptobot_services": (
        "cryptobot_services__<name>",
        "a plain dictionary would replace all services; patches change some of them",
    ),
    "cryptobot_datastores": (
        "cryptobot_datastores__<name>",
        "a plain dictionary would replace all datastores; patches change some of them",
    ),
    "cryptobot_edge": ("cryptobot_entrance", "cryptobot_edge is a group of hosts"),
    "cryptobot_python_index": ("release_python_index", _ROLE),
    "cryptobot_python_ca": ("release_ca", _ROLE),
    "cryptobot_npm_registry": ("release_npm_registry", _ROLE),
    "cryptobot_cargo_index": ("release_cargo_index", _ROLE),
    "cryptobot_apt_mirror": ("base_apt_mirror", _ROLE),
}


def check_variables(values: Mapping[str, Any], known: Collection[str], findings: Findings) -> None:
    """Names and types of one host's variables that begin with `cryptobot_`.

    `known`: further names, which roles take.
    """
    for name, value in values.items():
        if not name.startswith(PREFIX) or name.startswith(tuple(PREFIXES)):
            continue
        if name in RENAMED and name not in known:
            new, why = RENAMED[name]
            findings.add(name, f"is not read: {why}", f"{new}: …")
        elif name in PUBLIC:
            check(PUBLIC[name], value, name, findings)
        elif name not in known:
            hint = suggestion(name, [*PUBLIC, *known, *(f"{prefix}<name>" for prefix in PREFIXES)])
            close = f"; {hint}" if hint.startswith("did you mean") else ""
            findings.add(shown(name), f"is not a variable of this collection{close}", "cryptobot_environment: staging")
    source = values.get("cryptobot_source")
    if isinstance(source, Mapping):
        _check_source(source, findings)


def _check_source(source: Mapping[str, Any], findings: Findings) -> None:
    ways = [key for key in ("path", "git", "archive") if source.get(key)]
    if len(ways) != 1:
        problem = f"has {' and '.join(ways)}" if ways else "is empty"
        findings.add("cryptobot_source", f"{problem}; it needs exactly one of path, git and archive", SOURCE.example)
        return
    for way, needed, example in (("git", "version", "v1.2.0"), ("archive", "checksum", f"sha256:{'0' * 64}")):
        if ways == [way] and not source.get(needed):
            findings.add(
                f"cryptobot_source.{needed}",
                f"is missing: {way} alone may be another one tomorrow",
                f"{needed}: {example}",
            )
