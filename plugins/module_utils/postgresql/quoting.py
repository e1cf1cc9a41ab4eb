# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and texts in statements that can't take parameters (COPY, DDL, ALTER ROLE …)."""

from __future__ import annotations

PUBLIC = "PUBLIC"


def identifier(name: str) -> str:
    """A name, always quoted."""
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"


class Qualified:
    """What has a schema and a name: ``title`` as people read it, ``quoted`` as statements want it."""

    schema: str
    name: str

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        return qualified(self.schema, self.name)


def literal(text: str) -> str:
    """A text, whatever ``standard_conforming_strings`` says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def grantee(role: str) -> str:
    return PUBLIC if role == PUBLIC else identifier(role)
