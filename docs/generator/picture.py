"""The architecture of the shipped catalogue on one host, as the playbook `inventory_report` draws it."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import (
    GROUPS,
    PARENT,
    Host,
    Inventory,
)
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.diagram.architecture import architecture
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.inventory import inventory


def picture(root: Path) -> str:
    """The file's content."""
    shipped = yaml.safe_load((root / "catalogues" / "cryptobot.yml").read_text(encoding="utf-8"))
    catalogue = validate(shipped).usable
    if catalogue is None:
        raise ValueError("catalogues/cryptobot.yml is not valid")
    host = Host("host", "127.0.0.1", frozenset([PARENT, *GROUPS]))
    return architecture(inventory(resolve(catalogue, Inventory((host,), "production"), {})))
