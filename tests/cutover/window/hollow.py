"""The module `cutover` with one of its rules taken out, so that the tests are seen to notice: HOLLOW names it."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import databases, effects
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import look
from ansible_collections.cryptobot.native.plugins.module_utils.router.traffic import Traffic

ROOT = Path(__file__).resolve().parents[3]
without = os.environ["HOLLOW"].split(",")
whole = effects.Effects.__call__


def call(self, name, work):
    if name.split(":")[0] in without:
        return whole(self, name, lambda: 0)
    return whole(self, name, work)


effects.Effects.__call__ = call
if "hold" in without:
    Traffic.probe = lambda self, kind: None
if "drain" in without:
    Traffic.drain = lambda self, side, seconds, every_method=False: 0.0
if "advance" in without:
    databases.turn.publisher.advance = lambda cursor, name: None
if "triggers" in without:
    look.Found.problems = lambda self: []

runpy.run_path(str(ROOT / "plugins" / "modules" / "cutover.py"), run_name="__main__")
