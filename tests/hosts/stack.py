"""How much of the reference application a test host runs under Compose: all of it, or a part that is made quickly."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

# At the host, where the services that `seed.py` asks are published.
DOORS = {"auth": 8000, "data": 8001, "strategy": 8010, "backtest": 8011, "trade": 8012, "trading-api": 8020}


def at_doors(host: str) -> list[str]:
    """Words of `seed.py` that lead it to the services themselves."""
    return ["--services", json.dumps({name: f"http://{host}:{port}" for name, port in DOORS.items()})]


@dataclass(frozen=True)
class Stack:
    """``without``: services that it lacks, with whatever refers to them. ``entrance``: where `seed.py` and, if it can
    be gone, `journey.py` come in."""

    name: str
    entrance: tuple[str, ...]
    without: frozenset[str] = field(default=frozenset())

    @property
    def has_journey(self) -> bool:
        return not self.without

    def compose_file(self, whole: str) -> str:
        """The Compose file of this part: blocks of the services that are left, which know no other ones."""
        lines, kept, top = [], True, ""
        address = re.compile(rf"^ +[A-Z_]+_URL: http://({'|'.join(sorted(self.without)) or '-'}):\d+$")
        for line in whole.splitlines():
            if found := re.match(r"^([\w-]+):", line):
                top, kept = found[1], True
            elif top == "services" and (found := re.match(r"^  ([\w-]+):$", line)):
                kept = found[1] not in self.without
            if kept and not address.match(line):
                lines.append(line)
        return "".join(f"{line}\n" for line in lines)

    def services(self, whole: str) -> list[str]:
        """Names of the Compose services."""
        __, __, below = self.compose_file(whole).partition("\nservices:\n")
        return re.findall(r"^  ([\w-]+):$", re.split(r"^\w", below, flags=re.MULTILINE)[0], re.MULTILINE)


WHOLE = Stack("whole", ("--base", "http://127.0.0.1:8088"))
# Every service with data of its own but the gateway: nothing is to be compiled, and half of the containers do.
DATA = Stack(
    "data",
    (*at_doors("127.0.0.1"), "--live", "0", "--users", "2"),
    frozenset(
        {
            "dashboard",
            "execution-gateway",
            "paper-trading",
            "portfolio-management",
            "reporting",
            "risk-management",
            "strategy-execution",
        }
    ),
)
STACKS = {stack.name: stack for stack in (WHOLE, DATA)}
