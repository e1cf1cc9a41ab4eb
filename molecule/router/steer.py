"""What the modules do, said on the host itself by the code that the router's watcher is made of: a play takes seconds
a call.

steer.py side native first second | hold 5 writes|all first/public … | release | adopted | released | calls
"""

from __future__ import annotations

import json
import sys
import time

sys.path.insert(0, "/usr/lib/cryptobot/router")

from native.docker.engine import Engine
from native.router.adopting import Adopting
from native.router.adoption import Tables
from native.router.containers import doors
from native.router.flows import Flows
from native.router.holds import Hold
from native.router.maps import DIRECTORY, HOLD, Files, lease, locked
from native.router.sides import Wish
from native.router.workers import Router

verb, *words = sys.argv[1:]
if verb == "side":
    Wish(dict.fromkeys(words[1:], words[0]), {}, DIRECTORY).apply()
elif verb == "share":
    Wish({}, {words[0]: words[1]}, DIRECTORY).apply()
elif verb == "release":
    Hold(None, ["public", "internal"], 0, False, DIRECTORY).apply()
elif verb == "hold":
    router = Router()
    with locked(DIRECTORY):
        keys = words[2:] or list(router.files.read_map(HOLD))
        router.set_map(HOLD, dict.fromkeys(keys, lease(time.time() + float(words[0]), words[1] == "all")))
else:
    with open("/etc/cryptobot/router.json", encoding="utf-8") as file:
        known = json.load(file)
    work = Adopting(known["project"], doors(known["doors"]), Router(Files()), Engine(), Tables(), Flows())
    was, is_ = work.plan(verb != "released", False)
    if was != is_:
        work.put(is_, False)
    outcome = work.end_calls() if verb == "calls" else None
    print(
        json.dumps(
            {
                "changed": was != is_,
                "flows": [str(flow) for flow in work.around()] if is_ else [],
                "ended": outcome.ended if outcome else 0,
                "held_seconds": outcome.held_seconds if outcome else 0,
            }
        )
    )
