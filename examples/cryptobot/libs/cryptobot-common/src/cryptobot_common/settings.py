"""Settings from the JSON document of ``CRYPTOBOT_CONFIG``, from the environment and from secret files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T", bool, int, float, str, list)

# Addresses that are datastores or the world outside, not services to be called.
_NOT_A_SERVICE = {"DATABASE_URL", "REDIS_URL", "BROKER_URL", "EXCHANGE_URL"}


class SettingsError(ValueError):
    """A setting is missing or malformed; the message names it and what to write."""


def _coerce(name: str, text: str, like: T) -> T:
    if isinstance(like, bool):
        if text.lower() not in {"1", "true", "yes", "0", "false", "no"}:
            raise SettingsError(f"{name} is {text!r}; write true or false")
        return text.lower() in {"1", "true", "yes"}
    try:
        return json.loads(text) if isinstance(like, list) else type(like)(text)
    except ValueError as error:
        raise SettingsError(f"{name} is {text!r}; write a {type(like).__name__} such as {like!r}") from error


def _peer_urls(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removesuffix("_URL").lower().replace("_", "-"): value.rstrip("/")
        for name, value in environment.items()
        if name.endswith("_URL") and name not in _NOT_A_SERVICE and value.startswith(("http://", "https://"))
    }


def _urls(document: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """What may be called is what the document has; stray variables must not widen it. But where a variable has one of its
    addresses, the variable's name counts: it is the program's own, while a service of the document may be called otherwise."""
    if not document:
        return dict(named)
    known = {name: url for name, url in named.items() if url in document.values()}
    return known | {name: url for name, url in document.items() if url not in known.values()}


@dataclass(frozen=True)
class Settings:
    """One service's configuration. The environment wins over the document; a secret file wins over both."""

    service: str
    environment: str = "development"
    values: Mapping[str, Any] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, service: str, variables: Mapping[str, str] | None = None) -> Settings:
        """Read ``CRYPTOBOT_CONFIG`` (optional) and the environment."""
        variables = dict(os.environ if variables is None else variables)
        document: dict[str, Any] = {}
        if path := variables.get("CRYPTOBOT_CONFIG"):
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(
            service=service,
            environment=variables.get("CRYPTOBOT_ENVIRONMENT") or document.get("environment") or "development",
            values=document.get("settings") or {},
            urls=_urls(document.get("urls") or {}, _peer_urls(variables)),
            variables=variables,
        )

    def value(self, name: str, default: T) -> T:
        """A setting, of the type of its default."""
        if (text := self.variables.get(name.upper())) is not None:
            return _coerce(name.upper(), text, default)
        found = self.values.get(name, default)
        if isinstance(default, float) and isinstance(found, int) and not isinstance(found, bool):
            return float(found)
        if not isinstance(found, type(default)):
            raise SettingsError(f"settings.{name} is {found!r}; write a {type(default).__name__} such as {default!r}")
        return found

    def text(self, name: str) -> str | None:
        """The contents of the file that ``<name>_FILE`` names, else the variable ``<name>``, else nothing."""
        if path := self.variables.get(f"{name}_FILE"):
            return Path(path).read_text(encoding="utf-8").strip()
        return self.variables.get(name) or None

    def require(self, name: str, example: str) -> str:
        """As `text`, but a missing one is an error that says how it is given."""
        if value := self.text(name):
            return value
        raise SettingsError(f"{self.service} needs {name} (or {name}_FILE), for example {name}={example}")

    @property
    def identifier(self) -> str:
        """The service's name as an SQL or Python identifier."""
        return self.service.replace("-", "_")
