"""A container's variables through the import, the inventory, the catalogue and the files of a host, and compared there."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import derived
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.rewriting import addresses_of
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.comparing import Comparison, Reader
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.importing import Given, Importer, overridden
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.rules import Process
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.translate import Translator
from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import Container
from ansible_collections.cryptobot.native.plugins.module_utils.units.tree import service_files
from ansible_collections.cryptobot.native.plugins.plugin_utils.imported_catalogue import VARIABLE, patch_text
from ansible_collections.cryptobot.native.tests.unit.plugins.module_utils.docker.docker_fake import Client, container
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import (
    check,
    inventory_variables,
    one_host,
    shipped,
)

CANARY = "c4nary-Zx81-of-a-secret"
AWKWARD = {
    "DOLLAR": "a $5 and $HOME",
    "DOLLARS": "$$ $$$",
    "BRACED": "${HOME} ${X:-y} $(id)",
    "BACKSLASH": r"C:\new\table \\ \$",
    "QUOTES": 'it\'s "so" `now`',
    "HASH": "# not a comment #5",
    "SEMICOLON": "; neither",
    "SPACES": "  around  both  ",
    "LINES": "two\nlines\n\n",
    "CONTINUED": "ends with a backslash\\",
    "LATIN": "Grüße, ñ, 漢字, 😀",
    "BRACES": '{"a": {"b": [1, 2]}}',
    "TEMPLATE": "{{ 1 + 1 }}{% raw %}{# x #}",
    "PLACEHOLDER": "{urls.auth} {nothing}",
    "EQUALS": "a=b=c",
    "TAB": "a\tb",
    "EMPTY": "",
    "NUMBER": "007",
    "BOOL": "yes",
    "NULL": "null",
    "PERCENT": "100% %d %%",
    "EXPORT": "export A=1",
    "LIKE_YAML": "- a: b",
    "MAIL": "user@example.com",
}


def taken(
    env: dict[str, str],
    files: dict[str, str] | None = None,
    service: str = "trade",
    process: str = "web",
    known=("auth-service",),
):
    """What the import makes of one container of the shipped catalogue."""
    full = validate(shipped()).usable
    resolved = resolve(full, one_host(), {})
    spec = Process.of(service, process, full["services"][service], resolved["services"][service])
    one = Container(container(spec.docker, env=env))
    encoded = {path: base64.b64encode(text.encode()).decode() for path, text in (files or {}).items()}
    importer = Importer(known)
    importer.add(Given(spec, one, {}, encoded, Translator(addresses_of(resolved), {"/data": "/var/lib/x"})))
    return one, importer.finish()


def rendered(tmp_path: Path, imported) -> dict:
    """The files of a host whose inventory has the imported patch, as `site` writes them; the resolved catalogue."""
    (tmp_path / "00-compose.yml").write_text(patch_text("cryptobot", imported.patches), encoding="utf-8")
    variables = inventory_variables()
    loaded = DataLoader().load_from_file(str(tmp_path / "00-compose.yml"))
    variables[VARIABLE] = json.loads(json.dumps(loaded[VARIABLE]))
    for service, values in imported.secrets.items():
        variables["cryptobot_secrets"].setdefault(service, {}).update(values)
    findings, resolved = check(variables)
    assert not findings, [str(one) for one in findings]
    for file in service_files(resolved, "one", variables["cryptobot_secrets"]):
        target = tmp_path / "root" / str(file["dest"]).removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file["content"], encoding="utf-8")
    return resolved


def compared(
    tmp_path: Path, one: Container, resolved: dict, files: dict[str, str] | None = None, service: str = "trade", **more
):
    full = validate(shipped()).usable
    patch = DataLoader().load_from_file(str(tmp_path / "00-compose.yml"))[VARIABLE].get(service, {})
    spec = full["services"][service]
    spec["settings"] |= patch.get("settings", {})
    spec["environment"] |= patch.get("environment", {})
    process = Process.of(service, "web", spec, resolved["services"][service])
    root = tmp_path / "root"
    secrets = {
        name: {**secret, "path": str(root) + secret["path"]}
        for name, secret in resolved["services"][service]["secrets"].items()
    }
    process = Process(**{**vars(process), "secrets": secrets})
    reader = Reader(show=lambda unit: 0, configuration=str(root / "etc/cryptobot"))
    comparison = Comparison(Client([one.raw], files=files or {}).engine, more.get("accepted", {}))
    translator = Translator(addresses_of(resolved), {"/data": "/var/lib/x"})
    comparison.add(process, one, {}, translator, list(reader.natives(process)))
    return {line.variable: line for line in comparison.lines}


@pytest.mark.parametrize("name", sorted(AWKWARD))
def test_an_awkward_value_arrives_as_it_was(name, tmp_path):
    one, imported = taken({name: AWKWARD[name]})
    assert not imported.findings
    line = compared(tmp_path, one, rendered(tmp_path, imported))[name]
    assert (line.state, line.container) == ("equal", line.native)


def test_random_values_arrive_as_they_were(tmp_path):
    chance = random.Random(7)
    alphabet = list("$\\'\"`#;= \n\t{}%!&|<>()[]*?~^:,.-_aA0éß漢😀")
    values = {
        f"V{index}": "".join(chance.choice(alphabet) for __ in range(chance.randrange(40))) for index in range(200)
    }
    one, imported = taken(values)
    lines = compared(tmp_path, one, rendered(tmp_path, imported))
    assert {name: line.state for name, line in lines.items()} == dict.fromkeys(values, "equal")


def test_secrets_go_into_the_vault_and_nowhere_else(tmp_path):
    env = {
        "API_TOKEN": f"{CANARY} {{{{ 1 }}}} $5",
        "SMTP_PASSWORD": CANARY,
        "DSN": f"https://user:{CANARY}@example.com/1",
    }
    one, imported = taken(env)
    assert imported.secrets["trade"] == {"api_token": env["API_TOKEN"], "smtp_password": CANARY, "dsn": env["DSN"]}
    assert CANARY not in patch_text("cryptobot", imported.patches) + json.dumps(imported.differences())
    lines = compared(tmp_path, one, rendered(tmp_path, imported))
    assert {line.state for line in lines.values()} == {"equal"}
    assert CANARY not in str(lines)


def test_a_mounted_secret_becomes_a_credential_with_the_same_content(tmp_path):
    files = {"/run/secrets/service_key": "0123456789abcdef-key", "/run/secrets/extra": "line one\nline two"}
    env = {"SERVICE_KEY_FILE": "/run/secrets/service_key", "EXTRA_FILE": "/run/secrets/extra"}
    one, imported = taken(env, files, service="auth")
    assert imported.secrets["auth"] == {"service_key": files["/run/secrets/service_key"], "extra": "line one\nline two"}
    resolved = rendered(tmp_path, imported)
    lines = compared(tmp_path, one, resolved, files, service="auth")
    assert {line.state for line in lines.values()} == {"equal"}
    files["/run/secrets/extra"] = "another"
    assert compared(tmp_path, one, resolved, files, service="auth")["EXTRA_FILE"].state == "differs"


def test_addresses_and_paths_become_native_and_the_rest_stays(tmp_path):
    env = {
        "AUTH_URL": "http://auth-service:8000",
        "CALLBACK": "http://auth-service:8000/done?x=1",
        "PEERS": "auth-service:8000,strategy-service:8000",
        "CACHE_DIR": "/data/cache",
        "EXCHANGE_URL": "http://host.docker.internal:9100/v1",
    }
    one, imported = taken(env)
    rows = {row.variable: row for row in imported.rows}
    assert rows["CALLBACK"].new == "http://127.0.0.1:28000/done?x=1"
    assert rows["CACHE_DIR"].new == "/var/lib/x/cache"
    assert imported.patches["trade"]["settings"] == {"exchange_url": "http://127.0.0.1:9100/v1"}
    lines = compared(tmp_path, one, rendered(tmp_path, imported))
    assert {line.variable: line.state for line in lines.values()} == dict.fromkeys(env, "rewritten")


def test_a_value_that_is_another_natively_is_named_and_can_be_accepted(tmp_path):
    one, imported = taken({"FEE": "0.1", "LOG_LEVEL": "debug"})
    resolved = rendered(tmp_path, imported)
    changed = Container(container("trade-service", env={"FEE": "0.2", "LOG_LEVEL": "info", "NEW": "x"}))
    states = {name: line.state for name, line in compared(tmp_path, changed, resolved).items()}
    assert states == {"FEE": "differs", "LOG_LEVEL": "differs", "NEW": "missing"}
    accepted = {"trade-service:FEE": "lower from now on", "NEW": "not needed", "LOG_LEVEL": "less noise"}
    lines = compared(tmp_path, changed, resolved, accepted=accepted)
    assert {line.state for line in lines.values()} == {"intended"}
    assert lines["FEE"].reason == "lower from now on"


def test_a_url_with_more_in_it_than_an_address_is_not_taken_for_equal(tmp_path):
    one, imported = taken({"AUTH_URL": "http://auth-service:8000/v2"})
    assert compared(tmp_path, one, rendered(tmp_path, imported))["AUTH_URL"].state == "differs"


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"BAD": "a\rb"}, "unfit_value"),
        ({"BAD": "\x1b[0m"}, "unfit_value"),
        ({"BAD-NAME": "x"}, "unfit_value"),
        ({"KEY_FILE": "/run/secrets/gone", "SERVICE_KEY_FILE": "/nowhere"}, "unreadable-secret"),
        ({"OTHER_DATABASE": "postgresql://u:p4ss@auth-service:5432/x"}, "datastore_url"),
        ({"HOOK": "http://auth-service:9999/x"}, "unknown-address"),
    ],
)
def test_what_cannot_be_carried_is_named_with_a_remedy(env, code):
    __, imported = taken(env, service="auth")
    codes = {one.code: one for one in imported.findings}
    assert code in codes
    assert codes[code].remedy and "p4ss" not in codes[code].text + codes[code].remedy


def test_a_weak_secret_is_taken_as_it_is_and_said(tmp_path):
    one, imported = taken({"SERVICE_KEY_FILE": "/k"}, {"/k": "short"}, service="auth")
    assert imported.secrets["auth"]["service_key"] == "short"
    assert [found.code for found in imported.findings] == ["weak_secret"]
    rendered(tmp_path, imported)


def test_processes_of_one_service_share_what_is_alike():
    full = validate(shipped()).usable
    resolved = resolve(full, one_host(), {})
    importer = Importer([])
    for process, value in (("web", "1"), ("worker", "2")):
        spec = Process.of("backtest", process, full["services"]["backtest"], resolved["services"]["backtest"])
        one = Container(
            container(spec.docker, env={"SAME": "x", "OTHER": value, **({"ONLY": "y"} if process == "web" else {})})
        )
        importer.add(Given(spec, one, {}, {}, Translator({}, {})))
    assert importer.finish().patches["backtest"] == {
        "environment": {"SAME": "x"},
        "processes": {"web": {"environment": {"OTHER": "1", "ONLY": "y"}}, "worker": {"environment": {"OTHER": "2"}}},
    }


def test_what_an_image_brings_and_what_the_unit_sets_are_intended_changes():
    full = validate(shipped()).usable
    resolved = resolve(full, one_host(), {})
    spec = Process.of("trade", "web", full["services"]["trade"], resolved["services"]["trade"])
    one = Container(container("trade-service", env={"LANG": "C.UTF-8", "PATH": "/bin", "SERVICE": "trade"}))
    importer = Importer([])
    importer.add(Given(spec, one, {"LANG": "C.UTF-8"}, {}, Translator({}, {})))
    found = importer.finish()
    assert {row.variable: row.how for row in found.rows} == {"LANG": "image", "PATH": "reserved", "SERVICE": "derived"}
    assert found.patches == {}
    assert derived.directory("bars") == "/var/lib/cryptobot-datastores/bars"


def test_what_an_operator_set_otherwise_is_a_decision():
    __, imported = taken({"LOG_LEVEL": "debug", "NEW": "x"})
    mine = {"services.trade.settings.log_level": "group_vars/all.yml:3 (cryptobot_services__mine)"}
    (found,) = overridden(imported.patches, mine)
    assert (found.severity, found.object) == ("decision", "services.trade.settings.log_level")
    assert "group_vars/all.yml:3" in found.text
    assert list(overridden(imported.patches, dict.fromkeys(mine, "catalogues/cryptobot.yml"))) == []


@pytest.mark.parametrize(
    ("servers", "left", "state"),
    [({}, False, "missing"), ({}, True, "intended"), ({"adminer": "auth"}, False, "intended")],
)
def test_a_container_that_nobody_named_is_missed_unless_it_was_accepted(servers, left, state):
    comparison = Comparison(Client([]).engine, {})
    comparison.add_other(Container(container("adminer", env={"THEME": "dark"})), servers, left)
    assert [(line.variable, line.state) for line in comparison.lines] == [("THEME", state)]
