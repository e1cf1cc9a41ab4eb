#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_doors_info
short_description: See that services come in through the pooler, and nobody else
version_added: 0.1.0
description:
  - Connects through PgBouncer on loopback as each role with its password, and with a wrong one, which must be refused.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes.info
options:
  port:
    description: Port of the pooler on loopback.
    type: int
    default: 6432
  doors:
    description: Who comes in, each with C(role) and C(database).
    type: list
    elements: dict
    required: true
  passwords:
    description: Passwords by role, as JSON in Base64. A role without one is passed over.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Come in as the service does
  cryptobot.native.pgbouncer_doors_info:
    doors: [{role: auth, database: auth}]
    passwords: "{{ {'auth': vaulted} | to_json | b64encode }}"
"""

RETURN = r"""
findings:
  description: What is not as it should be, as sentences.
  returned: always
  type: list
  elements: str
  sample: []
"""

import secrets

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import unpack

try:
    import psycopg2
except ImportError:
    psycopg2 = None


def enter(port: int, role: str, database: str, password: str) -> str:
    """Comes in and asks who it is; the empty string, or the first line of what was said against it."""
    try:
        connection = psycopg2.connect(
            host="127.0.0.1", port=port, user=role, dbname=database, password=password, connect_timeout=15
        )
    except psycopg2.Error as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            (who,) = cursor.fetchone()
            return "" if who == role else f"is let in as {who}"
    except psycopg2.Error as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    finally:
        connection.close()


def main() -> None:
    """Try every door, and collect what is wrong."""
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "default": 6432},
            "doors": {"type": "list", "elements": "dict", "required": True},
            "passwords": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    if psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"))
    port, passwords = module.params["port"], unpack(module.params["passwords"])
    findings = []
    for door in module.params["doors"]:
        role, database = door["role"], door["database"]
        if role in passwords:
            if said := enter(port, role, database, passwords[role]):
                findings.append(f"{role} can't use {database} through the pooler: {said}")
            if not enter(port, role, database, secrets.token_hex()):
                findings.append(f"{role} is let into {database} through the pooler with a wrong password")
    module.exit_json(changed=False, findings=findings)


if __name__ == "__main__":
    main()
