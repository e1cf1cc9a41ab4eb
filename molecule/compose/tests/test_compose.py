"""The reference application comes up under Compose, every container healthy, and passes the same journey."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import as_root, cache_directory, install  # noqa: E402

BASE = "cryptobot-native/host:12"
PACKAGES = "docker.io docker-compose zstd openssl"
CONTAINERS = 17


def newest(pattern: str) -> Path | None:
    """What a scenario of the platform has built last."""
    return max(cache_directory().glob(f"artefacts/{pattern}"), key=lambda path: path.stat().st_mtime, default=None)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """All images in one file; what needs compilers is taken from the cache where it is there."""
    install(["zstd"])
    words = ["--base", BASE, "--save", str(cache_directory() / "images")]
    unpacked = tmp_path_factory.mktemp("built")
    gateway, dashboard = newest("cargo-*-debian12-*.tar.gz"), newest("npm-*.tar.gz")
    if gateway and dashboard:
        for archive in (gateway, dashboard):
            with tarfile.open(archive) as content:
                content.extractall(unpacked, filter="data")
        (program,) = (unpacked / "bin").iterdir()
        words += ["--gateway", str(program), "--dashboard", str(unpacked / "dist")]
    script = ROOT / "examples" / "cryptobot" / "compose" / "build-images"
    done = subprocess.run(as_root([str(script), *words]), capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(dict(word.split("=", 1) for word in done.stdout.split())["IMAGES"])


def into(host, argv: list[str], source: subprocess.Popen) -> None:
    """Streams what a program prints into one on the host."""
    name = host.ansible.get_variables()["container"]
    docker = as_root(["docker", "exec", "-i", name, *argv])
    subprocess.run(docker, stdin=source.stdout, check=True, timeout=900)
    assert source.wait() == 0


@pytest.fixture(scope="module")
def stack(host, images: Path) -> str:
    """The project, up and tried; what `try` printed."""
    host.check_output("apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends %s" % PACKAGES)
    host.check_output("mkdir -p /srv/cryptobot")
    into(host, ["tar", "-xC", "/srv/cryptobot"], subprocess.Popen(["git", "archive", "HEAD:examples/cryptobot"], cwd=ROOT, stdout=subprocess.PIPE))
    into(host, ["docker", "load", "-q"], subprocess.Popen(["zstd", "-dc", str(images)], stdout=subprocess.PIPE))
    return host.check_output("cd /srv/cryptobot && compose/try POSTGRES_IMAGE=cryptobot/postgres:debian REDIS_IMAGE=cryptobot/redis:debian")


def test_every_container_is_healthy(stack: str) -> None:
    assert f"{CONTAINERS} containers are healthy" in stack


def test_it_passes_the_journey_and_is_seeded(host, stack: str) -> None:
    assert json.loads(host.check_output("cat /srv/cryptobot/journey.json"))["passed"]
    assert json.loads(host.check_output("cat /srv/cryptobot/seeded.json"))


def test_it_can_be_followed_logically(host, stack: str) -> None:
    database = host.check_output("docker ps -q --filter label=com.docker.compose.service=postgres")
    assert host.check_output(f"docker exec {database} psql -U postgres -Atc 'SHOW wal_level'") == "logical"
