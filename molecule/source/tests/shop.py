"""A Compose project whose variables hold whatever a value may hold, and its catalogue."""

from __future__ import annotations

import json
import random
from typing import Any

CANARY = "c4nary-Zx81-of-a-secret"
AWKWARD = {
    "DOLLAR": "a $5 and $HOME",
    "DOLLARS": "$$ $$$",
    "BRACED": "${HOME} ${X:-y} $(id)",
    "BACKSLASH": r"C:\new\table \\ \$",
    "QUOTES": "it's \"so\" `now`",
    "HASH": "# not a comment #5",
    "SPACES": "  around  both  ",
    "LINES": "two\nlines\n\n",
    "CONTINUED": "ends with a backslash\\",
    "LATIN": "Grüße, ñ, 漢字, 😀",
    "BRACES": '{"a": {"b": [1, 2]}}',
    "TEMPLATE": "{{ 1 + 1 }}{% raw %}{# x #}",
    "PLACEHOLDER": "{urls.front} {nothing}",
    "EMPTY": "",
    "NULL": "null",
    "PERCENT": "100% %d %h %%",
}
SECRETS = {"API_TOKEN": f"{CANARY} {{{{ 1 }}}} $5 \\ \"'#", "SMTP_PASSWORD": CANARY + "\nline two"}
KEY = f"-----BEGIN THING-----\n{CANARY}\n-----END THING-----\n"
PORTS = {"front": (7000, 8000), "back": (7010, 8000)}


def chance() -> dict[str, str]:
    """A hundred values at random, the same ones always."""
    pick = random.Random(11)
    letters = list("$\\'\"`#;= \n\t{}%!&|<>()[]*?~^:,.-_aA0éß漢😀")
    return {f"R{index}": "".join(pick.choice(letters) for __ in range(pick.randrange(40))) for index in range(100)}


def environment(service: str) -> dict[str, str]:
    """What the container must show."""
    other = {"front": "back", "back": "front"}[service]
    own = {"OTHER_URL": f"http://{other}:8000", "CALLBACK": f"http://{other}:8000/done?a=1#x", "KEY_FILE": "/run/secrets/key"}
    common = {**own, "LOG_LEVEL": "debug", "FROM_ENV_FILE": "a $b # c", "FROM_DOTENV": "it's $5"}
    return {**common, **AWKWARD, **SECRETS, **(chance() if service == "front" else {})}


def escaped(value: Any) -> Any:
    """As a Compose file has a literal `$`."""
    if isinstance(value, dict):
        return {key: escaped(one) for key, one in value.items()}
    return value.replace("$", "$$") if isinstance(value, str) else value


def compose() -> dict[str, Any]:
    """The Compose file."""
    services: dict[str, Any] = {}
    for name, (host_port, port) in PORTS.items():
        written = {key: value for key, value in environment(name).items() if key not in ("FROM_ENV_FILE", "FROM_DOTENV")}
        services[name] = {
            "image": "shop:1",
            "command": ["sleep", "1000000"],
            "init": True,
            "stop_grace_period": "2s",
            "restart": "always" if name == "front" else "on-failure:3",
            "environment": {**escaped(written), "FROM_DOTENV": "${FROM_DOTENV}", "FROM_SHELL": "${FROM_SHELL}"},
            "env_file": ["shop.env"],
            "ports": [f"{host_port}:{port}"],
            "secrets": ["key"],
            "volumes": ["things:/things", "/scratch"],
        }
    services["back"]["depends_on"] = ["front"]
    services["debug"] = {"image": "shop:1", "profiles": ["debug"]}
    return {"version": "3.9", "services": services, "secrets": {"key": {"file": "./key"}}, "volumes": {"things": {}}}


def files() -> dict[str, str]:
    """Everything in the project's directory."""
    return {
        "docker-compose.yml": json.dumps(compose(), indent=1, ensure_ascii=False),
        ".env": "FROM_DOTENV='it\\'s $5' # why\nUNUSED=1\n",
        "shop.env": "# what both need\nFROM_ENV_FILE='a $b # c'\nLOG_LEVEL=info\n",
        "key": KEY,
        **{f"{name}.yml": json.dumps(document) for name, (document, __) in BROKEN.items()},
        "broken-yaml.yml": "services:\n  a: {image: x\n  b: [",
    }


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "ports": (
        {"services": {"a": {"image": "shop:1", "ports": ["80:1"]}, "b": {"image": "shop:1", "ports": ["127.0.0.1:80:2"]}}},
        "duplicate-port:b",
    ),
    "dependency": ({"services": {"a": {"image": "shop:1", "depends_on": ["ghost"]}}}, "undefined-dependency:a"),
    "variable": (
        {"services": {"a": {"image": "shop:1", "environment": {"X": "${NOWHERE}"}}}},
        "unset-variable:services.a.environment.X",
    ),
    "dollar": ({"services": {"a": {"image": "shop:1", "command": ["echo", "5$"]}}}, "file-fault:services.a.command[1]"),
}


def catalogue() -> dict[str, Any]:
    """Of the same application natively: two services of a program that only waits to be asked."""
    services: dict[str, Any] = {}
    for index, (name, (host_port, port)) in enumerate(PORTS.items()):
        other = {"front": "back", "back": "front"}[name]
        services[name] = {
            "runtime": "python",
            "source": "service",
            "calls": [other],
            "environment": {"SERVICE": "{service}", "OTHER_URL": f"{{urls.{other}}}"},
            "settings": {"log_level": "debug"},
            "processes": {
                "web": {
                    "command": ["uvicorn", "main:app", "--fd", "3", "--no-access-log"],
                    "port": host_port,
                    "listen": 17000 + 10 * index,
                    "health": {"path": "/health/ready", "expect": {"status": "ok"}, "live": "/health/live"},
                    "docker": {"service": name, "port": port},
                }
            },
        }
    return services
