# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of the platform out of the resolved catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cryptobot.native.plugins.filter.catalogue import explained
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.diagram.architecture import architecture
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.inventory import inventory
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.markdown import markdown

DOCUMENTATION = r"""
name: inventory_report
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: The inventory of the platform as JSON, Markdown or a picture
description:
  - Tells services with their processes, doors and dependencies, datastores, ports, accounts and files, all from the
    resolved catalogue.
  - The picture is one file of SVG that follows the reader's light or dark setting, without a script and with nothing
    from elsewhere.
  - No value of a secret is in it.
positional: form
options:
  _input:
    description: The resolved catalogue.
    type: dict
    required: true
  form:
    description: V(json), V(markdown) or V(svg).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Draw the architecture
  ansible.builtin.copy:
    content: "{{ ansible_facts['cryptobot'] | cryptobot.native.inventory_report('svg') }}"
    dest: architecture.svg
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The content of the file.
  type: str
"""

FORMS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "json": lambda report: json.dumps(report, indent=2, ensure_ascii=False) + "\n",
    "markdown": markdown,
    "svg": architecture,
}


def inventory_report(catalogue: Mapping[str, Any], form: str) -> str:
    """See above."""
    if form not in FORMS:
        raise ValueError(f"form is {str(form)[:40]}; it is one of {', '.join(FORMS)}")
    return FORMS[form](inventory(catalogue))


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"inventory_report": explained(inventory_report)}
