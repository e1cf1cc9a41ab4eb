"""The catalogue of a host whose Compose project is only a part of the application: the shipped one without the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

SHIPPED = Path(__file__).resolve().parents[2] / "catalogues" / "cryptobot.yml"
URL = re.compile(r"\{urls\.([\w-]+)\}")


def shipped() -> dict[str, Any]:
    """The catalogue of Cryptobot."""
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


def services(compose: Iterable[str]) -> list[str]:
    """Services of the shipped catalogue that such Compose services are the Docker side of."""
    there = set(compose)
    return [
        name
        for name, service in shipped()["services"].items()
        if any(process["docker"]["service"] in there for process in service["processes"].values())
    ]


def patches(left: Iterable[str]) -> dict[str, Any]:
    """Variables that take all other services out of the shipped catalogue; none where nothing is to be taken out."""
    catalogue = shipped()
    kept = {name: service for name, service in catalogue["services"].items() if name in set(left)}
    if len(kept) == len(catalogue["services"]):
        return {}
    used = {store for service in kept.values() for store in service.get("uses", {})}
    return {
        "cryptobot_services__part": {
            name: _patch(service, kept) if name in kept else None for name, service in catalogue["services"].items()
        },
        "cryptobot_datastores__part": {name: None for name in catalogue["datastores"] if name not in used},
        "cryptobot_migration_groups": [
            group
            for group in catalogue["migration_groups"]
            if any(service["migration_group"] == group for service in kept.values())
        ],
    }


def _patch(service: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """What a service does not call and wait for any more."""
    fewer = {
        key: [name for name in service[key] if name in kept]
        for key in ("calls", "after")
        if set(service.get(key, ())) - set(kept)
    }
    lost = {
        name: None
        for name, value in service["environment"].items()
        if any(callee not in kept for callee in URL.findall(str(value)))
    }
    return fewer | ({"environment": lost} if lost else {})
