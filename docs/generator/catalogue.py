"""The reference of the catalogue, from the schema that the check uses."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.fields import Field
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import GROUPS
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.schema import CATALOGUE
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.templates import DATASTORE_KEYS
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.variables import PUBLIC
from ansible_collections.cryptobot.native.plugins.module_utils.project.answers import ANSWERS

HEAD = """# The catalogue

<!-- Made by make docs from the schema that the check uses. -->

The catalogue describes the application: its services, their processes and datastores. Ports, units, environment files, database roles,
access rules and proxy routes all follow from it. `catalogues/cryptobot.yml` is the shipped one.

Change it by **patches**, never in place: any number of variables that begin with `cryptobot_services__` or `cryptobot_datastores__`.
They are merged deeply, in the order of their names; a list replaces a list, and `null` removes a key.

```yaml
# group_vars/cryptobot/services.yml
cryptobot_services__ports:
  auth:
    processes:
      web:
        port: 9000
cryptobot_services__without_reporting:
  reporting: null
```

`ansible-playbook cryptobot.native.status -e show=catalogue` prints the result, `-e show=provenance` who set what.
With `cryptobot_catalogue: none` you start from nothing and describe an application of your own.

Everything is checked before a host is touched, and all findings come at once.
"""

PLACEHOLDERS = """## Placeholders

In `command`, `environment` and texts of `settings`. `{{` and `}}` are literal braces; a name that is not known is a finding.

| placeholder | stands for | where |
|---|---|---|
| `{service}`, `{environment}` | the service's name; development, staging or production | everywhere |
| `{release}`, `{state}`, `{config}` | `/opt/cryptobot/<service>/current`, `/var/lib/cryptobot/<service>`, `/etc/cryptobot/<service>.json` | everywhere |
| `{urls.<service>}` | the internal door of a service in `calls` | everywhere |
| `{settings.<name>}` | a plain value of `settings` | command, environment |
| `{credentials.<secret>}` | path of the file with a secret, at run time | environment |
| `{port}`, `{instance}`, `{listen}`, `{listen.port}` | public door, number, and address of an instance | a process's command and environment |
"""


def reference() -> str:
    """The whole page."""
    parts = [HEAD, "## Catalogue\n", *_tables(CATALOGUE, ""), PLACEHOLDERS + "".join(_datastore_rows())]
    parts += ["## Variables of the inventory\n", _table((name, field) for name, field in PUBLIC.items())]
    parts += ["Groups of hosts: `cryptobot` with the children " + ", ".join(f"`{group}`" for group in GROUPS) + ".\n"]
    parts += [
        "## Answers for a new project\n",
        "`ansible-playbook cryptobot.native.init -e project=DIR -e answers=FILE`\n",
        *_tables(ANSWERS, ""),
    ]
    return "\n".join(parts)


def _datastore_rows() -> Iterator[str]:
    for kind, keys in DATASTORE_KEYS.items():
        names = ", ".join(f"`{key}`" for key in keys)
        yield f"| `{{datastores.<name>.…}}` of kind {kind} | {names}, of a datastore in `uses` | everywhere |\n"


def _tables(field: Field, path: str) -> Iterator[str]:
    """A table for a dictionary and each dictionary below it."""
    if path:
        yield f"### `{path}`\n"
        yield f"{field.doc} Example: `{field.example}`\n"
    yield _table(field.options.items())
    for name, option in field.options.items():
        inner, below = _inner(option, f"{path}.{name}" if path else name)
        if inner:
            yield from _tables(inner, below)


def _inner(field: Field, path: str) -> tuple[Field | None, str]:
    """The dictionary that a field is or holds, and its path."""
    if field.type == "dict":
        return field, path
    if field.elements and field.elements.type == "dict":
        return field.elements, f"{path}.<name>" if field.type == "map" else f"{path}[]"
    return None, path


def _table(rows) -> str:
    lines = ["| key | what | value | default | example |", "|---|---|---|---|---|"]
    for name, field in rows:
        default = "**needed**" if field.required else "" if field.default in (None, "") else f"`{_yaml(field.default)}`"
        example = f"`{field.example}`" if field.example else ""
        lines.append(
            "| " + " | ".join(_escaped(cell) for cell in (f"`{name}`", field.doc, field.words, default, example)) + " |"
        )
    return "\n".join([*lines, ""])


def _yaml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(element)}" for key, element in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
