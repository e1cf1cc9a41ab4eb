"""One of ours in a process of its own, as a module is: prints seconds, memory and what came of it as JSON.

alone.py copy|archive|compare '{"collections": …, "source": {…}, "target": {…}, …}'
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

JOBS = 2


def main() -> None:
    task, given = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, given["collections"])
    from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint

    source, target = (Endpoint.from_options(given[side]) for side in ("source", "target"))
    began = time.monotonic()
    found = compared(source, target, given) if task == "compare" else copied(source, target, given, task)
    seconds = time.monotonic() - began
    # pg_dump and pg_restore are not in it: their memory is theirs, by hand as here.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory": memory, **found}))


def copied(source: Any, target: Any, given: dict, way: str) -> dict[str, Any]:
    from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import roles_map
    from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import archive, order, stream

    mapping = roles_map.roles_map(given["owner"], given["roles"])
    wanted = order.Order("bench", source, given["from"], target, given["into"], "bench", mapping, JOBS)
    done = archive.Archive(wanted, Path(given["folder"])).run() if way == "archive" else stream.Stream(wanted).run()
    return {"stages": done.seconds, "rows": done.rows}


def compared(source: Any, target: Any, given: dict) -> dict[str, Any]:
    from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run

    pair = run.Pair("bench", given["from"], given["into"], given["owner"], given["roles"])
    found = run.compare(source, target, pair)
    return {"differences": [str(each) for each in found.differences]}


if __name__ == "__main__":
    main()
