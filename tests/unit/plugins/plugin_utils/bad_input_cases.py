"""Broken catalogues and inventories: a good one with one thing wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import CANARY, GROUPS

ONE = {"all": ["one"], "cryptobot": ["one"], **{group: ["one"] for group in GROUPS}}
TWO = ONE | {"all": ["one", "two"], "cryptobot": ["one", "two"]}
NEW = (
    "{migration_group: edge, runtime: python, "
    "processes: {web: {command: [x], port: 9100, listen: 19100, health: {path: /h}}}}"
)


@dataclass(frozen=True)
class Case:
    """`services`, `datastores`, `variables` and `secrets` are YAML for a valid inventory; `expect`: path → part of the problem."""

    name: str
    expect: dict[str, str]
    services: str = ""
    datastores: str = ""
    variables: str = ""
    secrets: str = ""
    groups: dict[str, list[str]] | None = None
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    example: str = ""


def web(change: str, service: str = "auth") -> str:
    return f"{service}: {{processes: {{web: {change}}}}}"


CASES = [
    # What the schema refuses
    Case("unknown key of a service", {"services.auth.calls_to": "not a known key"}, "auth: {calls_to: [trade]}"),
    Case("misspelt key", {"services.auth.processes.web.lissen": "did you mean listen?"}, web("{lissen: 18000}")),
    Case(
        "wrong type of a port",
        {"services.auth.processes.web.port": "whole number from 1 to 65535, but is text"},
        web('{port: "80a0"}'),
    ),
    Case(
        "boolean for a number", {"services.auth.processes.web.instances": "but is a boolean"}, web("{instances: true}")
    ),
    Case("port out of range", {"services.auth.processes.web.port": "is 70000"}, web("{port: 70000}")),
    Case("command as text", {"services.auth.processes.web.command": "a list"}, web("{command: uvicorn auth.main}")),
    Case(
        "number in a command",
        {"services.auth.processes.web.command[2]": "quote numbers"},
        web("{command: [uvicorn, --fd, 3]}"),
    ),
    Case("unknown runtime", {"services.auth.runtime": "one of python, binary, static"}, "auth: {runtime: java}"),
    Case("no runtime", {"services.auth.runtime": "is missing"}, "auth: {runtime: null}"),
    Case("no health", {"services.auth.processes.web.health": "is missing"}, web("{health: null}")),
    Case("name with capitals", {"services.Auth": "not a possible name"}, f"Auth: {NEW}"),
    Case("name with an underscore", {"services.my_app": "not a possible name"}, f"my_app: {NEW}"),
    Case("absolute source", {"services.auth.source": "relative to the source, without .."}, "auth: {source: /etc}"),
    Case(
        "source outside",
        {"services.auth.source": "relative to the source, without .."},
        "auth: {source: services/../../etc}",
    ),
    Case(
        "lock outside",
        {"services.auth.python.requirements": "without .."},
        "auth: {python: {requirements: ../../x.lock}}",
    ),
    Case(
        "memory limit in words", {"services.auth.resources.memory_max": "512M"}, "auth: {resources: {memory_max: lots}}"
    ),
    Case(
        "no address of an exchange",
        {"services.auth.egress_fence": "10.0.0.300 is no address and no network"},
        "auth: {egress_fence: [10.0.0.300]}",
    ),
    Case(
        "host name in egress",
        {"services.auth.egress[0]": "an address, a network, or any"},
        "auth: {egress: [exchange.example.com]}",
    ),
    Case(
        "URL with a password for a build",
        {"services.execution-gateway.build.url": "without user and password"},
        "execution-gateway: {build: {url: 'https://me:secret@example.com/x'}}",
    ),
    Case(
        "checksum of another kind",
        {"services.execution-gateway.build.checksum": "64 hexadecimal"},
        "execution-gateway: {build: {url: 'https://example.com/x', checksum: 'md5:1234'}}",
    ),
    Case("services as a list", {"cryptobot_services__case": "a dictionary by name, but is a list"}, "[auth]"),
    Case("a service as text", {"services.auth": "a dictionary, but is text"}, "auth: yes please"),
    Case("unknown kind of datastore", {"datastores.auth.kind": "is mysql"}, datastores="auth: {kind: mysql}"),
    Case("negative drain time", {"services.auth.processes.web.drain_seconds": "is -1"}, web("{drain_seconds: -1}")),
    # References
    Case("unknown service in calls", {"services.auth.calls": "did you mean trade?"}, "auth: {calls: [strategy, trad]}"),
    Case("unknown service in after", {"services.auth.after": "is not a service"}, "auth: {after: [kafka]}"),
    Case("calls itself", {"services.auth.calls": "names the service itself"}, "auth: {calls: [auth, strategy]}"),
    Case("unknown datastore", {"services.auth.uses.mongo": "is not a datastore"}, "auth: {uses: {mongo: {}}}"),
    Case(
        "unknown user of a datastore",
        {"datastores.bars.users": "is not a service"},
        datastores="bars: {users: [data, backtest, nobody]}",
    ),
    Case("removing what others need", {"services.trade.calls": "auth is not a service"}, "auth: null"),
    Case("removing what is not there", {"services.auht": "there is none; did you mean auth?"}, "auht: null"),
    Case(
        "unknown migration group",
        {"services.auth.migration_group": "did you mean supporting?"},
        "auth: {migration_group: suporting}",
    ),
    Case(
        "group twice",
        {"migration_groups": "names a group twice"},
        variables="cryptobot_migration_groups: [infrastructure, supporting, critical, edge, edge]",
    ),
    Case(
        "cycle in after",
        {"services.auth.after": "forms a cycle: auth → strategy → auth"},
        "{auth: {after: [strategy]}, strategy: {after: [auth]}}",
    ),
    Case(
        "waits for what cannot be asked",
        {"services.trade.after": "has no process with a port and a health path"},
        "{auth: {processes: {web: {health: {path: null, expect: null, live: null, command: ['true']}}}}, trade: {after: [auth]}}",
    ),
    # Ports
    Case(
        "public ports clash",
        {"services.auth.processes.web.port": "port 8001 is already taken by services.data.processes.web.port"},
        web("{port: 8001}"),
    ),
    Case(
        "ranges of two processes overlap",
        {"services.auth.processes.web.listen": "taken by services.data"},
        web("{instances: 6}"),
    ),
    Case(
        "listens where the proxy does",
        {"services.trade.processes.web.internal_port": "taken by services.auth"},
        web("{listen: 28012}"),
    ),
    Case("takes PostgreSQL's port", {"services.auth.processes.web.port": "taken by PostgreSQL"}, web("{port: 5432}")),
    Case(
        "adopted port of another", {"services.auth.processes.web.internal_port": "30000"}, web("{internal_port: 38001}")
    ),
    Case("port too high to be adopted", {"services.auth.processes.web.port": "beyond 65535"}, web("{port: 40000}")),
    # Processes
    Case("two probes", {"services.auth.processes.web.health": "has path and celery"}, web("{health: {celery: ping}}")),
    Case(
        "no probe",
        {"services.auth.processes.web.health": "no probe"},
        web("{health: {path: null, expect: null, live: null}}"),
    ),
    Case("port without listen", {"services.auth.processes.web.listen": "is missing"}, web("{listen: null}")),
    Case("no command", {"services.auth.processes.web.command": "is missing"}, web("{command: null}")),
    Case(
        "command of static files",
        {"services.dashboard.processes.web.command": "not for runtime: static"},
        web("{command: [nginx]}", "dashboard"),
    ),
    Case(
        "two of an exclusive one",
        {"services.orchestrator.processes.web.instances": "exclusive"},
        web("{instances: 2}", "orchestrator"),
    ),
    Case("own socket, and nobody says where", {"services.auth.processes.web": "where to listen"}, web("{socket: own}")),
    Case(
        "two routes for one path",
        {"services.trade.processes.web.routes[0].path": "also the path of services.auth"},
        web("{routes: [{path: /api/trade}]}"),
    ),
    # Builds
    Case(
        "download without checksum",
        {"services.execution-gateway.build.checksum": "is missing"},
        "execution-gateway: {build: {kind: none, url: 'https://example.com/x'}}",
    ),
    Case(
        "cargo for Python", {"services.auth.build.kind": "does not fit runtime: python"}, "auth: {build: {kind: cargo}}"
    ),
    Case(
        "binary that nobody builds",
        {"services.execution-gateway.build.url": "is missing"},
        "execution-gateway: {build: {kind: none}}",
    ),
    # Datastores
    Case(
        "shared without moves_with",
        {"datastores.redis.moves_with": "several migration groups"},
        datastores="redis: {moves_with: null}",
        example="moves_with: critical",
    ),
    Case(
        "moves before a user of it",
        {"datastores.redis.moves_with": "moves later"},
        datastores="redis: {moves_with: supporting}",
    ),
    Case(
        "two datastores, one database",
        {"datastores.trade.database": "is the database of auth"},
        datastores="trade: {database: auth}",
    ),
    Case(
        "prefix inside a prefix",
        {"services.auth.uses.redis.prefix": "begins with the prefix of data"},
        'auth: {uses: {redis: {prefix: "data:auth:"}}}',
    ),
    Case(
        "prefix for PostgreSQL",
        {"services.auth.uses.auth.prefix": "is for kind: redis"},
        'auth: {uses: {auth: {prefix: "x:"}}}',
    ),
    # Placeholders and URLs
    Case(
        "unknown placeholder",
        {"services.auth.environment.X": "{databse} is not a placeholder"},
        'auth: {environment: {X: "{databse}"}}',
    ),
    Case(
        "URL of a service that is not called",
        {"services.strategy.environment.X": "{urls.auth} is not in calls"},
        'strategy: {environment: {X: "{urls.auth}"}}',
    ),
    Case(
        "unknown credential",
        {"services.auth.environment.X": "{credentials.jwt} is not in secrets"},
        'auth: {environment: {X: "{credentials.jwt}"}}',
    ),
    Case(
        "instance in the settings",
        {"services.auth.settings.x": "belongs to a process"},
        'auth: {settings: {x: "{listen}"}}',
    ),
    Case(
        "credential in a command",
        {"services.auth.processes.web.command[1]": "cannot stand here"},
        web('{command: [x, "{credentials.jwt_private}"]}'),
    ),
    Case("lone brace", {"services.auth.environment.X": "lone brace"}, 'auth: {environment: {X: "{a"}}'),
    Case(
        "malformed URL",
        {"services.execution-gateway.settings.exchange_url": "malformed URL"},
        "execution-gateway: {settings: {exchange_url: 'https://exchange:99999/x'}}",
    ),
    Case(
        "URL without a host",
        {"services.execution-gateway.settings.exchange_url": "has no host"},
        "execution-gateway: {settings: {exchange_url: 'https:///x'}}",
    ),
    Case(
        "password in a URL",
        {"services.auth.environment.X": "holds a password"},
        f"auth: {{environment: {{X: 'redis://me:{CANARY}@cache:6379'}}}}",
    ),
    # Secrets
    Case(
        "missing secret",
        {"cryptobot_secrets.auth.redis_password": "is missing"},
        secrets="auth: {redis_password: null}",
    ),
    Case(
        "list of three for a secret",
        {"cryptobot_secrets.auth.redis_password": "a list of two, [new, old]"},
        secrets=f"auth: {{redis_password: [{CANARY}, {CANARY}, {CANARY}]}}",
    ),
    Case(
        "short second value of a secret",
        {"cryptobot_secrets.auth.redis_password": "shorter than 12"},
        secrets=f"auth: {{redis_password: [{CANARY}, abc]}}",
    ),
    Case(
        "list for a key",
        {"cryptobot_secrets.auth.jwt_private": "should be text, but is a list"},
        secrets=f"auth: {{jwt_private: [{CANARY}]}}",
    ),
    Case(
        "dictionary for a secret",
        {"cryptobot_secrets.auth.redis_password": "but is a dictionary"},
        secrets=f"auth: {{redis_password: {{{CANARY}: 1}}}}",
    ),
    Case(
        "number for a secret",
        {"cryptobot_secrets.auth.redis_password": "but is a number"},
        secrets="auth: {redis_password: 1234567890123}",
    ),
    Case(
        "short secret",
        {"cryptobot_secrets.auth.redis_password": "shorter than 12"},
        secrets="auth: {redis_password: abc}",
    ),
    Case(
        "placeholder for a secret",
        {"cryptobot_secrets.auth.redis_password": "placeholder"},
        secrets="auth: {redis_password: changeme}",
    ),
    Case(
        "secret with a line break",
        {"cryptobot_secrets.auth.redis_password": "line breaks"},
        secrets=f'auth: {{redis_password: "{CANARY}\\n{CANARY}"}}',
    ),
    Case("text for a key", {"cryptobot_secrets.auth.jwt_private": "PEM"}, secrets=f"auth: {{jwt_private: {CANARY}}}"),
    Case(
        "secret of nobody",
        {"cryptobot_secrets.auth.redis_pasword": "did you mean redis_password?"},
        secrets=f"auth: {{redis_pasword: {CANARY}}}",
    ),
    Case(
        "secrets as text",
        {"cryptobot_secrets": "a dictionary by service, but is text"},
        variables=f"cryptobot_secrets: {CANARY}",
    ),
    Case(
        "public half of what is no key",
        {"services.auth.secrets.jwt_public.public_of": "no public half"},
        "auth: {secrets: {jwt_public: {public_of: auth.service_key}}}",
    ),
    Case(
        "same as nothing",
        {"services.trade.secrets.service_key.same_as": "auth.service_kee is not a secret"},
        "trade: {secrets: {service_key: {same_as: auth.service_kee}}}",
    ),
    Case(
        "variable without a name",
        {"services.auth.secrets.token.env": "is missing"},
        "auth: {secrets: {token: {as: env}}}",
    ),
    Case(
        "value in the catalogue",
        {"services.auth.secrets.token.value": "not a known key"},
        f"auth: {{secrets: {{token: {{value: {CANARY}}}}}}}",
    ),
    # Names
    Case(
        "name too long",
        {"services.a-name-that-is-much-too-long": "longer than 22"},
        f"a-name-that-is-much-too-long: {NEW}",
    ),
    Case("name that means something", {"services.postgres": "means something else"}, f"postgres: {NEW}"),
    # Inventory
    Case(
        "no database host",
        {"group cryptobot_database": "has no host"},
        groups={name: hosts for name, hosts in ONE.items() if name != "cryptobot_database"},
    ),
    Case(
        "empty inventory",
        {"group cryptobot_app": "has no host", "group cryptobot_edge": "has no host"},
        groups={"all": []},
        hosts={"one": {}},
    ),
    Case(
        "unknown group",
        {"group cryptobot_databse": "did you mean cryptobot_database?"},
        groups=ONE | {"cryptobot_databse": ["one"]},
    ),
    Case(
        "outside the parent group",
        {"host one": "no child of the group cryptobot"},
        groups={name: hosts for name, hosts in ONE.items() if name != "cryptobot"},
    ),
    Case(
        "malformed address",
        {"hosts.one.cryptobot_address": "neither an IP address nor a host name"},
        variables="cryptobot_address: 10.0.0.256",
    ),
    Case(
        "loopback for two hosts",
        {"hosts.two.cryptobot_address": "other hosts cannot reach"},
        groups=TWO | {"cryptobot_app": ["two"]},
        hosts={"one": {"cryptobot_address": "10.0.0.1"}, "two": {}},
    ),
    Case(
        "a name where hosts are let in by address",
        {"hosts.two.cryptobot_address": "is the name two.example.com"},
        groups=TWO | {"cryptobot_app": ["two"]},
        hosts={"one": {"cryptobot_address": "10.0.0.1"}, "two": {"cryptobot_address": "two.example.com"}},
    ),
    Case(
        "catalogue that differs between hosts",
        {"cryptobot_services__case": "differs between the hosts one and two"},
        groups=TWO,
        hosts={
            "one": {"cryptobot_address": "10.0.0.1", "cryptobot_services__case": {"auth": {"after": []}}},
            "two": {"cryptobot_address": "10.0.0.2", "cryptobot_services__case": {"auth": {"egress": []}}},
        },
    ),
    # Variables
    Case(
        "misspelt variable",
        {"cryptobot_enviroment": "did you mean cryptobot_environment?"},
        variables="cryptobot_enviroment: staging",
    ),
    Case(
        "renamed variable",
        {"cryptobot_services": "patches change some of them"},
        variables="cryptobot_services: {}",
        example="cryptobot_services__<name>",
    ),
    Case(
        "unknown environment",
        {"cryptobot_environment": "one of development, staging, production"},
        variables="cryptobot_environment: prod",
    ),
    Case(
        "Compose project of a wrong type",
        {"cryptobot_compose": "should be a dictionary, but is text"},
        variables="cryptobot_compose: cryptobot",
        example="cryptobot_compose: {project: cryptobot",
    ),
    Case(
        "Compose project without its name",
        {"cryptobot_compose.project": "is missing"},
        variables="cryptobot_compose: {directory: /srv/cryptobot}",
    ),
    Case(
        "unknown key of the Compose project",
        {"cryptobot_compose.file": "is not a known key; did you mean files?"},
        variables="cryptobot_compose: {project: cryptobot, file: docker-compose.yml}",
    ),
    Case(
        "directory of the Compose project that is none",
        {"cryptobot_compose.directory": "should be an absolute path"},
        variables="cryptobot_compose: {project: cryptobot, directory: srv}",
    ),
    Case(
        "Compose project on no host",
        {"group cryptobot_docker": "has no host, but cryptobot_compose is given"},
        variables="cryptobot_compose: {project: cryptobot}",
    ),
    Case("no source", {"cryptobot_source": "is not set"}, variables="cryptobot_source: null"),
    Case("two sources", {"cryptobot_source": "has path and git"}, variables="cryptobot_source: {path: /tmp, git: x}"),
    Case(
        "git without version",
        {"cryptobot_source.version": "is missing"},
        variables="cryptobot_source: {git: 'https://git.example.com/x'}",
    ),
    Case(
        "source that is not there",
        {"cryptobot_source.path": "there is no directory /nowhere"},
        variables="cryptobot_source: {path: /nowhere}",
    ),
    Case(
        "service without its files",
        {"services.auth.source": "there is no services/nothing"},
        "auth: {source: services/nothing}",
    ),
]
