# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import cluster as clusters
from ansible_collections.cryptobot.native.plugins.module_utils.capacity import capacity
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.settings import (
    Found,
    Live,
    differences,
    explain,
    plan,
    same,
    unknown,
)
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.tuning import Machine, settings

BUFFERS = Live("16384", "8kB", "integer", "postmaster", "/etc/postgresql/15/main/postgresql.conf line 127")
LEVEL = Live("replica", None, "enum", "postmaster")
PREFIX = Live("%m ", None, "string", "sighup")
LIVE = {"shared_buffers": BUFFERS, "wal_level": LEVEL, "log_line_prefix": PREFIX}


@pytest.mark.parametrize(
    ("wanted", "live", "equal"),
    [
        ("128MB", BUFFERS, True),
        ("0.125GB", BUFFERS, True),
        ("16384", BUFFERS, True),
        ("129MB", BUFFERS, False),
        ("10min", Live("600000", "ms", "integer"), True),
        ("1s", Live("1000", "ms", "integer"), True),
        ("-1", Live("-1", "kB", "integer"), True),
        ("0.9", Live("0.9", None, "real"), True),
        ("on", Live("on", None, "bool"), True),
        ("yes", Live("on", None, "bool"), True),
        ("off", Live("on", None, "bool"), False),
        ("logical", LEVEL, False),
    ],
)
def test_values_are_compared_not_texts(wanted, live, equal):
    assert same(wanted, live) is equal


def test_a_restart_only_for_what_needs_it():
    running = Found(True, True, live=LIVE)
    assert plan({"log_line_prefix": "%p "}, running, "u").reload
    assert not plan({"log_line_prefix": "%p "}, running, "u").restart
    planned = plan({"wal_level": "logical", "log_line_prefix": "%p "}, running, "u")
    assert planned.restart and not planned.reload
    assert not plan({"shared_buffers": "128MB"}, running, "u").changed


def test_files_that_nobody_has_read_are_read():
    assert plan({}, Found(True, True, files_newer=True, live=LIVE), "u").reload


def test_a_stopped_server_is_started_and_enabled():
    planned = plan({"wal_level": "logical"}, Found(), "u")
    assert (planned.enable, planned.start, planned.restart) == (True, True, False)


def test_check_mode_foresees_a_reload():
    assert plan({}, Found(True, True, live=LIVE), "u", ["/etc/postgresql/15/main/pg_hba.conf"]).reload


def test_what_wins_is_named():
    said = explain({"shared_buffers": "1GB"}, LIVE)
    assert "postgresql.conf line 127" in said and "wanted 1GB" in said
    assert explain({"shared_buffers": "128MB"}, LIVE) == ""


def test_settings_of_extensions_may_be_unknown():
    assert unknown({"pg_stat_statements.max": "1", "no_such": "1"}, LIVE) == ["no_such"]
    assert differences({"pg_stat_statements.max": "1"}, LIVE) == []


@pytest.mark.parametrize("memory", [512, 2048, 8192, 65536, 524288])
@pytest.mark.parametrize("cores", [1, 2, 64])
def test_settings_fit_the_machine(memory, cores):
    found = settings(Machine(memory, cores, 0.5), max_connections=200, listen=["localhost"], port=5432)
    megabytes = {name: int(value[:-2]) for name, value in found.items() if value.endswith("MB")}
    assert 128 <= megabytes["shared_buffers"] <= max(128, memory // 2)
    assert 4 <= megabytes["work_mem"] <= 64
    assert megabytes["shared_buffers"] <= megabytes["effective_cache_size"]
    assert int(found["max_parallel_workers_per_gather"]) <= max(1, cores)
    assert found["wal_level"] == "logical" and found["password_encryption"] == "scram-sha-256"


def test_own_settings_win():
    found = settings(Machine(4096, 2), max_connections=10, listen=["*"], port=1, extra={"work_mem": "1MB"})
    assert found["work_mem"] == "1MB"


LISTED = """\
15 main  5432 online postgres /var/lib/postgresql/15/main /var/log/postgresql/postgresql-15-main.log
15 other 5433 down   postgres /srv/other /var/log/postgresql/postgresql-15-other.log
"""


def test_the_cluster_main_is_taken_over():
    cluster, finding = clusters.choose(clusters.parse(LISTED), None)
    assert (cluster.version, cluster.port, cluster.online, finding) == (15, 5432, True, "")
    assert cluster.unit == "postgresql@15-main.service"


def test_two_candidates_are_a_question():
    listed = clusters.parse(LISTED + LISTED.replace("15 ", "17 "))
    assert clusters.choose(listed, None)[0] is None
    assert "15 and 17" in clusters.choose(listed, None)[1]
    assert clusters.choose(listed, 17)[0].version == 17


def test_an_old_one_is_refused():
    assert "is version 9" in clusters.choose(clusters.parse(LISTED.replace("15 main", "9 main")), None)[1]


def test_the_identifier_is_read_without_a_server(tmp_path):
    assert clusters.identifier(str(tmp_path)) is None
    (tmp_path / "global").mkdir()
    (tmp_path / "global" / "pg_control").write_bytes(struct.pack("=Q", 7412345678901234567) + b"rest")
    assert clusters.identifier(str(tmp_path)) == "7412345678901234567"


KNOWN = {"version": 15, "directory": "/var/lib/postgresql/15/main", "identifier": "7412"}
CLUSTER = clusters.Cluster(15, "main", 5432, True, "/var/lib/postgresql/15/main")


@pytest.mark.parametrize(
    ("known", "cluster", "found", "words"),
    [
        (None, CLUSTER, "1", ""),
        (None, None, None, ""),
        (KNOWN, CLUSTER, "7412", ""),
        (KNOWN, CLUSTER, "9999", "has identifier 9999"),
        (KNOWN, CLUSTER, None, "is empty"),
        (KNOWN, None, None, "there is none"),
        (KNOWN, None, "7412", ""),
    ],
)
def test_another_cluster_in_its_place_is_a_finding(known, cluster, found, words):
    said = clusters.identity_finding(known, cluster, found)
    assert (words in said) if words else said == ""


def test_the_last_record_counts():
    lines = [
        {"kind": "postgresql", "target": "cluster", "is": {"identifier": "1"}},
        {"kind": "postgresql", "target": "role auth", "is": {}},
        {"kind": "postgresql", "target": "cluster", "is": {"identifier": "2"}},
    ]
    assert clusters.recorded(lines) == {"identifier": "2"}
    assert clusters.recorded([]) is None


@pytest.mark.parametrize(
    ("limit", "quota", "memory", "cores"), [("max", "max 100000", 4096, 8), ("1073741824", "200000 100000", 1024, 2)]
)
def test_a_container_may_have_less(tmp_path, monkeypatch, limit, quota, memory, cores):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)))
    (tmp_path / "meminfo").write_text("MemTotal: 4194304 kB\nMemFree: 1 kB\n")
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    found = capacity(tmp_path, tmp_path)
    assert (found.memory_mb, found.cores) == (memory, cores)


def test_a_cluster_at_another_port_is_named_with_what_to_write():
    (there,) = clusters.parse("15 main 5433 online postgres /var/lib/postgresql/15/main /var/log/x.log")
    assert "cryptobot_datastores__port: {a: {port: 5433}, b: {port: 5433}}" in clusters.port_finding(there, {"a": 5432, "b": 5432})
    assert clusters.port_finding(there, {"a": 5433}) == clusters.port_finding(there, {}) == ""
