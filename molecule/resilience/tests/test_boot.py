"""The machine starts again, its database comes a minute late, and nobody does anything."""

from __future__ import annotations

import subprocess
import time

DROP_IN = "/etc/systemd/system/postgresql@.service.d/late.conf"
LATE = 60
WITHIN = 300


def test_a_late_database_needs_nobody(host) -> None:
    container = host.ansible.get_variables()["ansible_host"]
    host.check_output(f"mkdir -p {DROP_IN.rpartition('/')[0]} && printf '[Service]\\nExecStartPre=/bin/sleep {LATE}\\nTimeoutStartSec=180\\n' > {DROP_IN}")
    units = host.check_output("systemctl list-unit-files --state=enabled --no-legend 'cryptobot-*@*.service'").splitlines()
    names = sorted(line.split()[0] for line in units)
    subprocess.run(["docker", "restart", "--time=60", container], check=True, capture_output=True)
    # What a test host needs at each start, and a machine has anyway: units get their credentials by mounts.
    subprocess.run(["docker", "exec", container, "mount", "--make-rshared", "/"], check=True)
    began = time.monotonic()
    try:
        while True:
            shown = host.run(f"systemctl is-active {' '.join(names)}").stdout.split()
            if shown and set(shown) == {"active"}:
                break
            assert time.monotonic() - began < WITHIN, dict(zip(names, shown, strict=False))
            time.sleep(1)
        took = time.monotonic() - began
        print(f"{len(names)} units healthy {took:.0f} s after the start, the database {LATE} s late")
        assert took >= LATE - 5, "the database was not late"
        assert set(host.check_output(f"systemctl show --property=NRestarts --value {' '.join(names)}").split()) == {"0"}
    finally:
        host.check_output(f"rm {DROP_IN} && systemctl daemon-reload")
