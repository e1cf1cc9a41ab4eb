# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of a process, and what all of the schema is made of."""

from __future__ import annotations

from .fields import Field

NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
NAME_WORDS = "lower-case letters, digits and single hyphens, starting with a letter"
KEY = r"[a-z][a-z0-9_]*"
KEY_WORDS = "lower-case letters, digits and underscores, starting with a letter"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
RELATIVE = r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\0\n]+"
URL_PATH = r"/[^\s?#]*"
ADDRESS = r"[0-9A-Za-z.:\[\]*-]+"
BYTES = r"[0-9]+[KMGT]?"
# Longest name for which unit, OS user (32 characters) and PostgreSQL role (63 bytes) can exist.
NAME_LENGTH = 22

RUNTIMES = ("python", "binary", "static")
DATASTORES = ("postgresql", "redis", "directory", "sqlite")


def port(doc: str, example: str, required: bool = False, default: int | None = None) -> Field:
    return Field("int", doc, example, required=required, default=default, minimum=1, maximum=65535)


def relative(doc: str, example: str, required: bool = False, default: str | None = None) -> Field:
    words = "a path relative to the source, without .."
    return Field("str", doc, example, required=required, default=default, pattern=RELATIVE, pattern_words=words)


def names(doc: str, example: str, default: list[str] | None = None) -> Field:
    element = Field("str", "", pattern=NAME, pattern_words="the name of a service")
    return Field("list", doc, example, elements=element, default=default)


COMMAND = Field(
    "list",
    "The program and its arguments, one element each; no shell.",
    '[uvicorn, "auth.main:app", --fd, "3"]',
    elements=Field("str", "", pattern=r"(?s).*", pattern_words="text; quote numbers"),
)
ENVIRONMENT = Field(
    "map",
    "Environment variables. Values may hold placeholders. Never secrets: they go to `secrets`.",
    '{DATABASE_URL: "{datastores.auth.url}"}',
    names=VARIABLE,
    pattern_words="letters, digits and underscores, not starting with a digit",
    default={},
    elements=Field("scalar", ""),
)

HEALTH = Field(
    "dict",
    "How the process proves that it works. Exactly one of `path`, `command` and `celery`; every process has one.",
    "{path: /health/ready, expect: {status: ok}, live: /health/live}",
    required=True,
    options={
        "path": Field(
            "str",
            "HTTP path that answers 200 when the process and what it needs work.",
            "/health/ready",
            pattern=URL_PATH,
            pattern_words="a path that starts with /",
        ),
        "expect": Field(
            "map", "What the JSON answer must contain.", "{status: ok}", elements=Field("any", "", nullable=True)
        ),
        "live": Field(
            "str",
            "HTTP path that the proxy checks: whether the process answers at all. Absent: a TCP connection.",
            "/health/live",
            pattern=URL_PATH,
            pattern_words="a path that starts with /",
        ),
        "timeout": Field("number", "Seconds that one probe may take.", "5", default=5, minimum=0.1, maximum=300),
        "command": COMMAND,
        "celery": Field("str", "`ping`: the worker is asked through its broker.", "ping", choices=("ping",)),
    },
)

ROUTE = Field(
    "dict",
    "One entrance at the edge.",
    "{path: /api/auth, strip: true}",
    options={
        "path": Field(
            "str",
            "Prefix of the path at the edge; the longest wins.",
            "/api/auth",
            required=True,
            pattern=URL_PATH,
            pattern_words="a path that starts with /",
        ),
        "strip": Field("bool", "Take the prefix off before the request goes on.", "true", default=False),
        "rewrite": Field(
            "str", "Put this in the prefix's place.", "/ws", pattern=URL_PATH, pattern_words="a path that starts with /"
        ),
        "websocket": Field(
            "bool", "The route carries WebSockets: long time-outs, its own backend.", "true", default=False
        ),
    },
)

PROCESS = Field(
    "dict",
    "One process: a systemd unit, or several instances of one.",
    '{command: [uvicorn, "auth.main:app", --fd, "3"], port: 8000, listen: 18000, health: {path: /health/ready}}',
    options={
        "command": COMMAND,
        "port": port("The public door: what users call. Absent: the process is not called.", "8000"),
        "internal_port": port("The internal door: what other services call. Default: `port` + 20000.", "28000"),
        "listen": port(
            "First of twice `instances` ports that the process itself listens on: slot a, then slot b.", "18000"
        ),
        "socket": Field(
            "str",
            "`fd`: takes its listening socket as descriptor 3. `own`: binds `{listen}` itself.",
            "fd",
            choices=("fd", "own"),
            default="fd",
        ),
        "instances": Field("int", "How many run at once.", "2", default=1, minimum=1, maximum=50),
        "health": HEALTH,
        "docker": Field(
            "dict",
            "What it is on the Docker side.",
            "{service: auth-service, port: 8000}",
            default={},
            options={
                "service": Field("str", "Its service in the Compose file.", "auth-service"),
                "port": port("The port in the container.", "8000"),
            },
        ),
        "reads": Field(
            "str",
            "What becomes of reads while writes wait at the router for a change of sides. `hold`: they wait, too, since a read "
            "of this process writes.",
            "hold",
            choices=("pass", "hold"),
            default="pass",
        ),
        "routes": Field(
            "list", "Entrances at the edge.", "[{path: /api/auth, strip: true}]", elements=ROUTE, default=[]
        ),
        "exclusive": Field(
            "bool",
            "Never two at once, on whichever side and host: schedulers, workers, whatever trades.",
            "true",
            default=False,
        ),
        "drain_seconds": Field(
            "number",
            "How long it may finish what it has begun when it stops.",
            "20",
            default=20,
            minimum=0,
            maximum=86400,
        ),
        "start_timeout": Field(
            "number", "Seconds until it must be healthy.", "90", default=90, minimum=1, maximum=86400
        ),
        "server": Field(
            "str",
            "Which drain protocol fits. Default: after the first word of `command`.",
            "uvicorn",
            choices=("uvicorn", "nginx", "other"),
        ),
        "environment": ENVIRONMENT,
    },
)
