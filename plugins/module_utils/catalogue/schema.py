# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of the catalogue. The validation reads it, and so does the generator of docs/catalogue.md."""

from __future__ import annotations

from .fields import Field
from .schema_process import (
    ADDRESS,
    BYTES,
    COMMAND,
    DATASTORES,
    ENVIRONMENT,
    KEY,
    KEY_WORDS,
    NAME,
    NAME_WORDS,
    PROCESS,
    RUNTIMES,
    VARIABLE,
    names,
    port,
    relative,
)

PYTHON = Field(
    "dict",
    "How a Python service is installed.",
    "{requirements: requirements.lock, migrate: [alembic, upgrade, head]}",
    default={},
    options={
        "requirements": relative(
            "Lock with hashes, relative to `source`.", "requirements.lock", default="requirements.lock"
        ),
        "packages": Field(
            "list",
            "Own packages, relative to the application's root, built as wheels.",
            "[libs/common, services/auth]",
            elements=relative("", "libs/common"),
            default=[],
        ),
        "interpreter": Field(
            "str",
            "The Python to make the environment with.",
            "python3",
            default="python3",
            pattern=r"(/[\w./-]+|[\w.-]+)",
            pattern_words="a program's name or absolute path",
        ),
        "migrate": COMMAND,
    },
)

BUILD = Field(
    "dict",
    "How a binary or static service is made.",
    "{kind: cargo, binary: server}",
    default={},
    options={
        "kind": Field("str", "What builds it; `none`: nothing does.", "cargo", choices=("cargo", "npm", "none")),
        "files": Field(
            "list",
            "Files beside the program that it reads, relative to `source`.",
            "[config.toml]",
            elements=relative("", "config.toml"),
            default=[],
        ),
        "binary": Field(
            "str",
            "Name of the program. Default: the service's.",
            "server",
            pattern=r"[\w.-]+",
            pattern_words="a file name",
        ),
        "url": Field(
            "str",
            "Where a prebuilt program is had; then `checksum` is needed.",
            "https://example.com/gateway-1.0",
            pattern=r"https?://[^\s@]+",
            pattern_words="an http or https URL without user and password",
        ),
        "checksum": Field(
            "str",
            "Its digest.",
            "sha256:" + "0" * 64,
            pattern=r"sha256:[0-9a-f]{64}",
            pattern_words="sha256: and 64 hexadecimal digits",
        ),
        "output": relative(
            "Directory that the build of a static service fills, relative to `source`.", "dist", default="dist"
        ),
        "migrate": COMMAND,
    },
)

SECRET = Field(
    "dict",
    "How one secret reaches the service. Values are in `cryptobot_secrets`, never here.",
    "{as: credential, kind: password}",
    options={
        "as": Field(
            "str",
            "`credential`: a file that only the process sees. `file`: a 0600 file. `env`: a variable, the last resort.",
            "credential",
            choices=("credential", "file", "env"),
            default="credential",
        ),
        "env": Field(
            "str",
            "Name of the variable, for `as: env`.",
            "API_KEY",
            pattern=VARIABLE,
            pattern_words="the name of a variable",
        ),
        "kind": Field(
            "str",
            "Its shape, for the check and for `init`.",
            "password",
            choices=("password", "ec-private-key", "text"),
            default="password",
        ),
        "length": Field("int", "Characters of a generated one.", "32", default=32, minimum=12, maximum=512),
        "public_of": Field(
            "str",
            "The public half of this private key; needs no value.",
            "auth.jwt_private",
            pattern=rf"{NAME}\.{KEY}",
            pattern_words="<service>.<secret>",
        ),
        "same_as": Field(
            "str",
            "The value of this secret; needs none of its own.",
            "auth.service_key",
            pattern=rf"{NAME}\.{KEY}",
            pattern_words="<service>.<secret>",
        ),
    },
)

RESOURCES = Field(
    "dict",
    "Shares and limits, for each of its units.",
    "{memory_max: 512M, cpu_weight: 200}",
    default={},
    options={
        "memory_max": Field("str", "Hard limit.", "512M", pattern=BYTES, pattern_words="a size such as 512M or 2G"),
        "cpu_weight": Field("int", "Share of CPU time beside the others.", "200", minimum=1, maximum=10000),
        "io_weight": Field("int", "Share of input and output.", "200", minimum=1, maximum=10000),
        "nice": Field("int", "Scheduling priority; lower is more.", "-5", minimum=-20, maximum=19),
        "tasks_max": Field("int", "Most processes and threads.", "256", minimum=8, maximum=1000000),
    },
)

USE = Field(
    "dict",
    "How the service uses a datastore.",
    "{}",
    options={
        "prefix": Field(
            "str",
            "Redis: prefix of every key and channel that it may touch. Default: `<service>:`.",
            '"auth:"',
            pattern=r"[A-Za-z0-9_.:-]{1,40}",
            pattern_words="letters, digits and . _ : -",
        ),
        "pool": Field(
            "str",
            "PostgreSQL: through PgBouncer, by session or by transaction.",
            "session",
            choices=("none", "session", "transaction"),
            default="none",
        ),
        "readonly": Field("bool", "It only reads.", "true", default=False),
    },
)

SERVICE = Field(
    "dict",
    "One service.",
    "{migration_group: supporting, runtime: python, source: services/auth, processes: {…}}",
    options={
        "migration_group": Field(
            "str",
            "With which group it moves. Needed where there are several groups.",
            "supporting",
            pattern=NAME,
            pattern_words=NAME_WORDS,
        ),
        "runtime": Field("str", "What it is made of.", "python", required=True, choices=RUNTIMES),
        "source": relative("Its directory inside the application's source.", "services/auth", default="."),
        "python": PYTHON,
        "build": BUILD,
        "processes": Field(
            "map",
            "Its processes by name.",
            "{web: {…}}",
            required=True,
            names=NAME,
            pattern_words=NAME_WORDS,
            elements=PROCESS,
        ),
        "uses": Field(
            "map",
            "Datastores that it uses: databases, grants, access rules.",
            '{auth: {}, redis: {prefix: "auth:"}}',
            names=NAME,
            pattern_words=NAME_WORDS,
            elements=USE,
            default={},
        ),
        "calls": names(
            "Services that it calls: URLs, routes, connectivity tests. May be cyclic.", "[strategy]", default=[]
        ),
        "after": names(
            "Services that must be healthy before it starts. A cycle here is an error.", "[trade]", default=[]
        ),
        "settings": Field(
            "map",
            "What its JSON configuration holds. Text may hold placeholders.",
            "{token_minutes: 60}",
            default={},
            elements=Field("any", "", nullable=True),
            names=r"[A-Za-z_][\w.-]*",
            pattern_words="letters, digits and _ . -",
        ),
        "environment": ENVIRONMENT,
        "secrets": Field(
            "map",
            "Secrets that it needs.",
            "{jwt_private: {as: credential, kind: ec-private-key}}",
            default={},
            names=KEY,
            pattern_words=KEY_WORDS,
            elements=SECRET,
        ),
        "resources": RESOURCES,
        "egress": Field(
            "list",
            "Where it may connect beyond the inventory's hosts: networks, or `any`.",
            "[any]",
            default=[],
            elements=Field(
                "str", "", pattern=r"any|[0-9a-fA-F.:]+(/[0-9]{1,3})?", pattern_words="an address, a network, or any"
            ),
        ),
        "egress_fence": Field(
            "list",
            "Where one side alone may connect during a migration, as to an exchange: networks, or `any` that is not private.",
            "[203.0.113.0/24]",
            default=[],
            elements=Field(
                "str", "", pattern=r"any|[0-9a-fA-F.:]+(/[0-9]{1,3})?", pattern_words="an address, a network, or any"
            ),
        ),
    },
)

DATASTORE = Field(
    "dict",
    "One datastore.",
    "{kind: postgresql, docker: {service: postgres, database: auth_db}}",
    options={
        "kind": Field("str", "What it is.", "postgresql", required=True, choices=DATASTORES),
        "database": Field(
            "str",
            "PostgreSQL: name of the database. Default: the datastore's, with _ for -.",
            "billing",
            pattern=KEY,
            pattern_words=KEY_WORDS,
        ),
        "index": Field("int", "Redis: number of the database.", "0", default=0, minimum=0, maximum=15),
        "moves_with": Field(
            "str",
            "Migration group with which a datastore of several groups or services moves: the last of them.",
            "critical",
            pattern=NAME,
            pattern_words=NAME_WORDS,
        ),
        "port": port(
            "Port of its server on the native side: all PostgreSQL databases have one server, all Redis datastores another."
            " Default: 5432, 6379.",
            "6380",
        ),
        "access_port": port("TCP front end for native processes while it is still on the Docker side.", "26379"),
        "users": names(
            "Services that use it; besides those that name it in `uses`. For directories and SQLite files.",
            "[data, backtest]",
            default=[],
        ),
        "docker": Field(
            "dict",
            "Where it is on the Docker side.",
            "{service: postgres, database: auth_db}",
            default={},
            options={
                "service": Field("str", "Service in the Compose file.", "postgres"),
                "database": Field("str", "Name of the database there.", "auth_db"),
                "volume": Field("str", "Named volume.", "market-data"),
                "path": Field("str", "Path in the volume.", "results.db"),
                "port": port("Port in the container.", "5432"),
                "index": Field("int", "Number of the Redis database there.", "0", minimum=0, maximum=15),
            },
        ),
    },
)

CATALOGUE = Field(
    "dict",
    "The catalogue.",
    "services: {…}",
    options={
        "migration_groups": Field(
            "list",
            "The groups, in the order in which they move.",
            "[infrastructure, critical, edge]",
            required=True,
            elements=Field("str", "", pattern=NAME, pattern_words=NAME_WORDS),
        ),
        "edge": Field(
            "dict",
            "Where users come in.",
            "{port: 80, bind: 0.0.0.0}",
            default={"port": 80, "bind": "0.0.0.0"},
            options={
                "port": port("Its port.", "80", default=80),
                "bind": Field(
                    "str",
                    "The address it listens on.",
                    "0.0.0.0",
                    default="0.0.0.0",
                    pattern=ADDRESS,
                    pattern_words="an address",
                ),
            },
        ),
        "datastores": Field(
            "map",
            "Datastores by name.",
            "{auth: {kind: postgresql}}",
            names=NAME,
            pattern_words=NAME_WORDS,
            elements=DATASTORE,
            default={},
        ),
        "services": Field(
            "map",
            "Services by name.",
            "{auth: {…}}",
            required=True,
            names=NAME,
            pattern_words=NAME_WORDS,
            elements=SERVICE,
        ),
    },
)
