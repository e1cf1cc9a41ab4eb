"""What a plant is: a change on the target alone, and what the comparison has to say of it, no more and no less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expected:
    """A difference by its kind, object and columns; ``key`` where a row has one, ``text`` where a part of it matters."""

    kind: str
    object: str
    columns: tuple[str, ...] = ()
    key: tuple[tuple[str, str], ...] = ()
    text: str = ""

    def is_(self, found: dict[str, Any]) -> bool:
        return (
            (found["kind"], found["object"], tuple(found["columns"])) == (self.kind, self.object, self.columns)
            and (not self.key or found["key"] == dict(self.key))
            and self.text in found["text"]
        )

    def __str__(self) -> str:
        return " ".join(
            [self.kind, self.object, *self.columns, *(f"{name}={value}" for name, value in self.key), self.text]
        ).strip()


@dataclass(frozen=True)
class Plant:
    """``statements`` run as the superuser in one transaction. ``catalogues``: the tables of ``pg_catalog`` that they change.
    ``intended``: it is to be listed as intended, not as a difference. ``since``: first major that both servers need."""

    name: str
    statements: str
    expected: tuple[Expected, ...]
    catalogues: tuple[str, ...] = ()
    intended: bool = False
    since: int = 0


def lone(kind: str, name: str) -> Expected:
    """An object that one side alone has."""
    return Expected(kind, name, (), (), "only")


def of(kind: str, name: str, *columns: str) -> Expected:
    """An object that both sides have, and what of it differs."""
    return Expected(kind, name, columns)


def row(table: str, *columns: str, text: str = "", **key: object) -> Expected:
    return Expected("row", table, columns, tuple((name, str(value)) for name, value in key.items()), text)


def plant(
    name: str,
    statements: str,
    *expected: Expected,
    catalogues: str = "",
    intended: bool = False,
    since: int = 0,
) -> Plant:
    return Plant(name, statements, expected, tuple(catalogues.split()), intended, since)
