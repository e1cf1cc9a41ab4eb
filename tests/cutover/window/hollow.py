"""The module `cutover` with one of its rules taken out, so that the tests are seen to notice: HOLLOW names it.

`lock`: two may be at work at once, so that epochs alone protect. `adoption`: nobody looks at the ports of containers,
which here are none.
"""

from __future__ import annotations

import contextlib
import os
import runpy
from pathlib import Path

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import call as calls
from ansible_collections.cryptobot.native.plugins.module_utils.cutover import databases, effects, window
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import look
from ansible_collections.cryptobot.native.plugins.module_utils.router.traffic import Routed, Traffic

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
if "lock" in without:
    window.locked = lambda directory, seconds: contextlib.nullcontext()
if "adoption" in without:
    calls.adopting = lambda project, doors, router: Routed(doors, router)
if "triggers" in without:
    look.Found.problems = lambda self: []

runpy.run_path(str(ROOT / "plugins" / "modules" / "cutover.py"), run_name="__main__")
