"""What the modules do, said on the host itself by the code that the router's watcher is made of: a play takes seconds
a call.

steer.py side native first second | share first 10 | hold 5 writes|all first/public … | release
         adopted | released | calls
         guard first … | window docker native writes|all first … | reloaded native
         stand-in back … | stand-down back …
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

sys.path.insert(0, "/usr/lib/cryptobot/router")

from native.docker.engine import Engine
from native.router.adopting import Adopting
from native.router.adoption import Tables
from native.router.containers import doors
from native.router.flows import Flows
from native.router.holds import Hold
from native.router.maps import DIRECTORY, HOLD, SIDE, Files, RouterError, lease, locked
from native.router.sides import Wish
from native.router.state import host_has_ipv6
from native.router.traffic import Traffic
from native.router.workers import Router

IPV6 = host_has_ipv6()


def adopting() -> Adopting:
    with open("/etc/cryptobot/router.doors", encoding="utf-8") as file:
        known = json.load(file)
    return Adopting(known["project"], doors(known["doors"]), Router(Files()), Engine(), Tables(ipv6=IPV6), Flows())


def window(source: str, target: str, methods: str, *groups: str) -> dict[str, object]:
    """What a cutover does here, without what it does at the databases."""
    traffic, steps = Traffic(groups, adopting()), {}
    began = at = time.monotonic()

    def done(name: str, value: object = None) -> None:
        nonlocal at
        steps[name] = {"milliseconds": round((time.monotonic() - at) * 1000, 1), "gave": value}
        at = time.monotonic()

    with locked(DIRECTORY):
        traffic.guard(IPV6)
        done("guard")
        until = time.time() + 8
        try:
            for kind in ("public", "internal"):
                traffic.hold(kind, until, methods == "all")
                done(f"hold {kind}")
                traffic.probe(kind)
                done(f"probe {kind}")
                traffic.drain(source, 5, methods == "all")
                done(f"drain {kind}")
            cut = traffic.cut_websockets(source)
            done("websockets", cut)
            traffic.flip(target)
            done("flip")
        finally:
            traffic.release()
            done("release")
    return {"seconds": round(time.monotonic() - began, 3), "cut": cut, "steps": steps}


def reloaded(side: str) -> dict[str, object]:
    """The side changes in a hold in whose middle the router is reloaded; a mark among the rows says from when on."""
    work = adopting()
    traffic, began = Traffic(work.router.files.read_map(SIDE), work), time.monotonic()
    with locked(DIRECTORY):
        traffic.hold("public", time.time() + 19)
        for source in ("docker", "native"):
            traffic.drain(source, 10)
        with open("/srv/shop/rows", "a", encoding="utf-8") as rows:
            rows.write(f"MARK {side}\n")
    subprocess.run(["systemctl", "reload", "cryptobot-edge"], check=True)
    with locked(DIRECTORY):
        old = work.router.workers.listed()[1]
        traffic.flip(side)
        traffic.release()
    return {"seconds": round(time.monotonic() - began, 3), "old_workers": len(old)}


def adopt(verb: str) -> dict[str, object]:
    work = adopting()
    was, is_ = work.plan(verb != "released", IPV6)
    if was != is_:
        work.put(is_, IPV6)
    outcome = work.end_calls() if verb == "calls" else None
    return {
        "changed": was != is_,
        "flows": [str(flow) for flow in work.around()] if is_ else [],
        "ended": outcome.ended if outcome else 0,
        "held_seconds": outcome.held_seconds if outcome else 0,
    }


def hold(seconds: str, methods: str, *keys: str) -> None:
    router = Router()
    with locked(DIRECTORY):
        wanted = keys or list(router.files.read_map(HOLD))
        router.set_map(HOLD, dict.fromkeys(wanted, lease(time.time() + float(seconds), methods == "all")))


verb, *words = sys.argv[1:]
try:
    if verb == "side":
        Wish(dict.fromkeys(words[1:], words[0]), {}, DIRECTORY).apply()
    elif verb == "share":
        Wish({}, {words[0]: words[1]}, DIRECTORY).apply()
    elif verb == "release":
        Hold(None, ["public", "internal"], 0, False, DIRECTORY).apply()
    elif verb == "hold":
        hold(*words)
    elif verb == "guard":
        Traffic(words, adopting()).guard(IPV6)
    elif verb == "stand-in":
        print(json.dumps({"made": adopting().stand_in(words, IPV6)}))
    elif verb == "stand-down":
        print(json.dumps({"removed": adopting().stand_down(words, IPV6)}))
    elif verb == "reloaded":
        print(json.dumps(reloaded(*words)))
    elif verb == "window":
        print(json.dumps(window(*words)))
    else:
        print(json.dumps(adopt(verb)))
except RouterError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit(3)
