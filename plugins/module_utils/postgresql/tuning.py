# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's settings out of the host's own memory and cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MB_PER_GB = 1024
REPLICATION_WORKERS = 16
"""One for each database that follows; PostgreSQL's own four are fewer than the databases of the platform."""


@dataclass(frozen=True)
class Machine:
    """What PostgreSQL may use: ``memory_mb`` and ``cores`` of the host or of the container around it, and the ``share``
    (0 to 1) of that memory that is PostgreSQL's: 1 on a host of its own, 0.5 beside the services."""

    memory_mb: int
    cores: int
    share: float = 0.5

    @property
    def budget_mb(self) -> int:
        return max(256, int(self.memory_mb * self.share))


def memory_settings(machine: Machine, max_connections: int) -> dict[str, str]:
    """A quarter of the budget for shared buffers, as PostgreSQL's manual advises; the planner counts on three quarters being
    cache; sorts may take the rest even when every connection runs two of them."""
    budget = machine.budget_mb
    shared = _between(128, budget // 4, 16 * MB_PER_GB)
    return {
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(256, budget * 3 // 4)}MB",
        "maintenance_work_mem": f"{_between(64, budget // 16, 2 * MB_PER_GB)}MB",
        "work_mem": f"{_between(4, (budget - shared) // (max_connections * 2), 64)}MB",
    }


def core_settings(cores: int) -> dict[str, str]:
    """Half of the cores may join in one query; parallel maintenance at most four."""
    return {
        "max_worker_processes": str(max(8, cores + 4) + REPLICATION_WORKERS),
        "max_logical_replication_workers": str(REPLICATION_WORKERS),
        "max_parallel_workers": str(max(2, cores)),
        "max_parallel_workers_per_gather": str(_between(1, cores // 2, 4)),
        "max_parallel_maintenance_workers": str(_between(1, cores // 2, 4)),
    }


def write_ahead_settings() -> dict[str, str]:
    """``logical`` from the start: it can't be had later without a restart, and the way back from a migration needs it. A
    commit that was acknowledged is on disk; slots may keep 4 GB and never fill the disk."""
    return {
        "wal_level": "logical",
        "synchronous_commit": "on",
        "wal_compression": "lz4",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "max_slot_wal_keep_size": "4GB",
        "checkpoint_completion_target": "0.9",
        "max_wal_senders": "20",
        "max_replication_slots": "20",
    }


def settings(
    machine: Machine, *, max_connections: int, listen: list[str], port: int, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Every setting that the collection writes, values as PostgreSQL spells them; ``extra`` wins."""
    return {
        "listen_addresses": ",".join(listen),
        "port": str(port),
        "max_connections": str(max_connections),
        "password_encryption": "scram-sha-256",
        **memory_settings(machine, max_connections),
        **core_settings(machine.cores),
        **write_ahead_settings(),
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "idle_in_transaction_session_timeout": "10min",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_lock_waits": "on",
        "log_min_duration_statement": "1s",
        "log_temp_files": "10MB",
        **{name: str(value) for name, value in (extra or {}).items()},
    }


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
