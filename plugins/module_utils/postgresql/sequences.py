# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where sequences stand: read and set exactly."""

from __future__ import annotations

from typing import Any

from .fence.travel import OUTSIDE
from .quoting import literal, qualified

SEQUENCES = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND {OUTSIDE}
  AND (NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
       OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
ORDER BY 1, 2"""
AT_ONCE = 200


def states(cursor: Any) -> list[tuple[str, str, int, bool]]:
    """Schema, name, last value and whether it was called, of every sequence."""
    cursor.execute(SEQUENCES)
    names = cursor.fetchall()
    found: list[tuple[str, str, int, bool]] = []
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT {n}, last_value, is_called FROM {qualified(*name)}" for n, name in enumerate(some)
            )
        )
        values = {number: (value, called) for number, value, called in cursor.fetchall()}
        found += [(*name, *values[number]) for number, name in enumerate(some)]
    return found


def set_states(cursor: Any, wanted: list[tuple[str, str, int, bool]]) -> None:
    """Puts every sequence exactly where the source's stands."""
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        calls = (
            f"pg_catalog.setval({literal(qualified(schema, name))}, {value}, {str(called).lower()})"
            for schema, name, value, called in some
        )
        cursor.execute("SELECT " + ", ".join(calls))
