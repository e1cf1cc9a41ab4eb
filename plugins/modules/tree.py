#!/usr/bin/python
# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: tree
short_description: Render, validate and place a whole tree of files in one transfer
version_added: 0.1.0
description:
  - Renders any number of templates on the controller and sends them with every other file of the list in one module call.
  - On the host the tree is compared with what is there, staged, validated as a whole, and only then put in place, file by file, by renames.
  - Contents of sensitive files appear in no diff, result, log or error.
author: Cryptobot Native contributors (@cryptobot)
extends_documentation_fragment:
  - cryptobot.native.attributes
options:
  files:
    description:
      - The wanted files.
      - Exactly one of O(files[].template), O(files[].src) and O(files[].content) says what is in each.
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: Absolute path on the host.
        type: path
        required: true
      template:
        description: A template, found as for M(ansible.builtin.template).
        type: str
      src:
        description: A file sent as it is, found as for M(ansible.builtin.copy).
        type: str
      content:
        description: The content itself.
        type: str
      vars:
        description: Variables for the template, beside those of the play.
        type: dict
        default: {}
      owner:
        description: Name of the owner. Of a file with O(files[].block) the one it has.
        type: str
        default: root
      group:
        description: Name of the group.
        type: str
        default: root
      mode:
        description: Permissions as an octal string.
        type: str
        default: "0644"
      sensitive:
        description: Whether the content must not be shown to anyone.
        type: bool
        default: false
      block:
        description: Manages only a block of this name, at the start of a file that belongs to someone else.
        type: str
  directories:
    description: The wanted directories, each with C(path), C(owner), C(group) and C(mode).
    type: list
    elements: dict
    default: []
  absent:
    description: Paths that must not exist.
    type: list
    elements: path
    default: []
  prune:
    description: Patterns of paths of which only those in O(files) may exist.
    type: list
    elements: str
    default: []
  validate:
    description:
      - Programs that must accept the staged tree, each with C(argv), in which V({staged}) stands for the root of the staged tree.
      - C(paths) are patterns of changed paths for which the program runs; with C(when_installed) it is passed over where it is not installed.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Place the configuration of the proxy
  cryptobot.native.tree:
    directories:
      - {path: /etc/cryptobot, mode: "0755"}
    files:
      - {template: etc/cryptobot/edge.cfg.j2, dest: /etc/cryptobot/edge.cfg, mode: "0640"}
    validate:
      - argv: [haproxy, -c, -f, "{staged}/etc/cryptobot/edge.cfg"]
        when_installed: true
"""

RETURN = r"""
changed_paths:
  description: Paths whose content, owner or permissions changed, or that went.
  returned: always
  type: list
  elements: str
  sample: [/etc/cryptobot/edge.cfg]
plan:
  description:
    - What is changed, or in check mode would be, as kind, target and action of each; one form for all modules.
    - C(unknown) says what of it can't be told ahead.
  returned: always
  type: list
  elements: dict
  sample: [{kind: file, target: /etc/cryptobot/edge.cfg, action: change}]
"""
