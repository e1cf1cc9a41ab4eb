"""The reference application under Docker Compose on a test host: made once a release, kept, and then only copied.

What is kept is a directory: all that the host's own engine holds (images, containers, volumes with what `seed.py` put
into them) and the project's folder. A new host gets a copy of it. Images never change, so their files are linked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import image
from engine import client, docker
from machine import MachineError, as_root, cache_directory, install, lock, run

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "cryptobot"
BUILDER = EXAMPLE / "compose" / "build-images"
EXCHANGE = ROOT / "tests" / "demo" / "exchange.service"
DOCKERFILE = Path(__file__).with_name("Dockerfile.compose")
PACKAGES = {
    "12": "docker.io docker-compose iptables openssl zstd",
    "13": "docker.io docker-cli docker-compose iptables openssl zstd",
}
ENGINE, PROJECT = "/var/lib/docker", "/srv/cryptobot"
EXCHANGE_URL = "http://host.docker.internal:9900"
DASHBOARD = "--base http://127.0.0.1:8088"
RECORD = "exchange.jsonl"
IN_IMAGES = ("libs", "services", "compose", "requirements.lock")
VOLUMES = ("-v", ENGINE, "-v", PROJECT)
CONTAINERS = 17
MAKING_SECONDS = 900
READY_SECONDS = 300
RECIPE = "1"
"""Another one where `_make` does something else: what was kept before is not used any more."""
KEPT = 2
"""Directories that are kept of a release, each more than a gigabyte: those of older sources make room."""
READY = """
import json, subprocess, sys, time, urllib.request
until = time.monotonic() + float(sys.argv[1])
def said(*words):
    return subprocess.run(["docker", *words], capture_output=True, text=True).stdout
def doors():
    names = said("ps", "-aq", "--filter", "label=com.docker.compose.project").split()
    return json.loads(said("inspect", *names)) if names else []
def complaint():
    found = doors()
    down = [one["Name"] for one in found if not one["State"]["Running"]]
    if len(found) < int(sys.argv[2]) or down:
        return f"{len(found)} containers, not running: {down}"
    for one in found:
        service = one["Config"]["Labels"]["com.docker.compose.service"]
        for port in [int(each["HostPort"]) for bound in one["HostConfig"]["PortBindings"].values() for each in bound]:
            if service != "postgres":
                try:
                    path = "/health/live" if service == "dashboard" else "/health/ready"
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).read()
                except OSError as error:
                    return f"{service}: {error}"
while wrong := complaint():
    if time.monotonic() > until:
        sys.exit(wrong)
    time.sleep(0.5)
"""


def tag(release: str) -> str:
    """The image of a host with Docker and Compose."""
    return image.tag(release, "compose")


def ensure_image(release: str) -> None:
    """Has that image in the engine."""
    image.ensure(release)
    base = docker("image", "inspect", "--format", "{{.Id}}", image.tag(release)).strip()
    digest = _digest([base, PACKAGES[release], DOCKERFILE.read_text(encoding="utf-8")])
    with lock(f"image-{release}"):
        words = ("image", "inspect", "--format", f'{{{{index .Config.Labels "{image.LABEL}"}}}}')
        if docker(*words, tag(release), check=False).strip() == digest:
            return
        with tempfile.TemporaryDirectory() as context:
            arguments = ["--build-arg", f"BASE={image.tag(release)}", "--build-arg", f"PACKAGES={PACKAGES[release]}"]
            words = ("build", "-q", "-f", str(DOCKERFILE), "--label", f"{image.LABEL}={digest}", "-t", tag(release))
            docker(*words, *arguments, context, timeout=MAKING_SECONDS)


def images() -> Path:
    """All images of the project in one file: kept by the digest of what goes into them."""
    image.ensure("12")
    base = docker(
        "image", "inspect", "--format", f'{{{{index .Config.Labels "{image.LABEL}"}}}}', image.tag("12")
    ).strip()
    built = [
        archive
        for pattern in ("cargo-execution-gateway-*-debian12-*.tar.gz", "npm-dashboard-*.tar.gz")
        if (archive := _newest(pattern))
    ]
    # By their names, which hold the digest of their sources: the same sources are not always built to the same bytes.
    parts = [
        base,
        *(archive.name for archive in built),
        *_contents(path for path in _sources() if path.parts[0] in IN_IMAGES),
    ]
    kept = cache_directory() / "images"
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"compose-{_digest(parts)}.tar.zst"
    with lock("compose-images"):
        if not path.exists():
            install(["zstd"])
            with _unpacked(built) as words:
                run(
                    as_root([str(BUILDER), "--base", image.tag("12"), "--save", str(path), *words]),
                    timeout=MAKING_SECONDS * 2,
                )
            for old in kept.glob("compose-*.tar.zst"):
                if old != path:
                    old.unlink(missing_ok=True)
    return path


def ensure(release: str) -> Path:
    """The kept directory of a release, with the folders `docker` and `project`; made now where it is not there."""
    archive = images()
    ensure_image(release)
    digest = _digest(
        [archive.name, PACKAGES[release], RECIPE, *_contents(_sources())]
    )
    kept = cache_directory() / "compose"
    found = kept / f"{release}-{digest}"
    with lock(f"compose-{release}"):
        if not (found / "whole").exists():
            _make(release, archive, found)
        # The youngest is not always this one: two clones may be at work.
        run(["touch", str(found / "whole")])
        others = sorted(kept.glob(f"{release}-*/whole"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            run(as_root(["rm", "-rf", str(old.parent)]))
    return found


def give(name: str, kept: Path) -> None:
    """Copies the kept directory into the volumes of a host that has been made and not yet been started."""
    volumes = _volumes(name)
    engine, target = kept / "docker", volumes[ENGINE]
    layers, own = f"{engine}/overlay2", _own_layers(engine)
    names = _names(layers)
    _copy([f"{engine}/{one}" for one in _names(engine) if one != "overlay2"], target)
    run(as_root(["install", "-d", "-m", "0710", f"{target}/overlay2"]))
    _copy([f"{layers}/{one}" for one in names if one in own or one == "l"], f"{target}/overlay2")
    _copy([f"{layers}/{one}" for one in names if one not in own and one != "l"], f"{target}/overlay2", link=True)
    _copy([f"{kept}/project/."], volumes[PROJECT])


def start_exchange(name: str) -> None:
    """The exchange that the orders went to, with what it has on record."""
    _write(name, "/usr/local/lib/exchange.py", (EXAMPLE / "exchange" / "exchange.py").read_bytes())
    _write(name, "/etc/systemd/system/exchange.service", EXCHANGE.read_bytes())
    restore = f"install -D -m 0644 {PROJECT}/{RECORD} /var/lib/private/exchange/requests.jsonl"
    _shell(name, f"install -d -m 0700 /var/lib/private; if test -e {PROJECT}/{RECORD}; then {restore}; fi")
    _shell(name, "systemctl -q daemon-reload; systemctl -q enable --now exchange")


def wait_ready(name: str, seconds: float = READY_SECONDS) -> None:
    """Returns when every container runs and every door answers as ready."""
    docker("exec", "-i", name, "python3", "-c", READY, str(seconds), str(CONTAINERS), timeout=seconds + 60)


def _make(release: str, archive: Path, found: Path) -> None:
    """Brings the project up on a host of its own, fills it, stops it, and keeps what the engine then holds."""
    import host

    started = time.monotonic()
    name = f"making-{release}-{secrets.token_hex(3)}"
    try:
        host.place(name, release, tag(release), VOLUMES)
        host.start(name)
        _pipe(["zstd", "-dc", str(archive)], client("exec", "-i", name, "docker", "load", "-q"))
        _send_project(name)
        exchange = f"sed -i 's|^EXCHANGE_URL=.*|EXCHANGE_URL={EXCHANGE_URL}|' .env"
        variables = "POSTGRES_IMAGE=cryptobot/postgres:debian REDIS_IMAGE=cryptobot/redis:debian"
        _shell(
            name,
            f"cd {PROJECT} && compose/init {variables} && {exchange}",
        )
        start_exchange(name)
        compose = "docker-compose" if release == "12" else "docker compose"
        _shell(name, f"cd {PROJECT} && {compose} up -d --no-build </dev/null")
        wait_ready(name)
        _shell(
            name,
            f"cd {PROJECT} && python3 journey.py {DASHBOARD} --exchange http://127.0.0.1:9900 --json journey.json",
        )
        _shell(name, f"cd {PROJECT} && python3 seed.py {DASHBOARD} --json seeded.json")
        _shell(name, f"cp /var/lib/private/exchange/requests.jsonl {PROJECT}/{RECORD}")
        # Containers that the engine stops with itself start with it again.
        _shell(name, "systemctl stop docker.socket docker containerd")
        volumes = _volumes(name)
        run(as_root(["rm", "-rf", str(found)]))
        for source, folder in ((ENGINE, "docker"), (PROJECT, "project")):
            (found / folder).mkdir(parents=True)
            # Links are as good as copies here: the volumes go with the host.
            _copy([f"{volumes[source]}/."], str(found / folder), link=True)
        (found / "seconds").write_text(f"{time.monotonic() - started:.1f}\n", encoding="utf-8")
        (found / "whole").touch()
    finally:
        if name in {one.name for one in host.hosts()}:
            docker("rm", "-fv", name)


def _send_project(name: str) -> None:
    files = "\n".join(map(str, _sources())).encode()
    with subprocess.Popen(
        ["tar", "-cC", str(EXAMPLE), "-T", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as packing:
        unpacking = subprocess.Popen(client("exec", "-i", name, "tar", "-xC", PROJECT), stdin=packing.stdout)
        packing.stdin.write(files)
        packing.stdin.close()
        if unpacking.wait() or packing.wait():
            raise MachineError(f"The project could not be sent to {name}.")


def _volumes(name: str) -> dict[str, str]:
    return {mount["Destination"]: mount["Source"] for mount in json.loads(docker("inspect", name))[0]["Mounts"]}


def _copy(sources: list[str], target: str, link: bool = False) -> None:
    """With owners and attributes; linked where that is asked for and possible."""
    if link:
        with contextlib.suppress(MachineError):
            run(as_root(["cp", "-a", "--link", "-t", target, *sources]), timeout=MAKING_SECONDS)
            return
    run(as_root(["cp", "-a", "--remove-destination", "-t", target, *sources]), timeout=MAKING_SECONDS)


def _names(folder: Path | str) -> list[str]:
    return run(as_root(["ls", "-A", str(folder)])).split()


def _own_layers(engine: Path) -> set[str]:
    """The folders that containers write to; all others are images' layers, which nobody does."""
    script = 'cd "$1" && for file in */mount-id */init-id; do cat "$file"; echo; done'
    return set(run(as_root(["sh", "-c", script, "sh", f"{engine}/image/overlay2/layerdb/mounts"])).split())


@contextlib.contextmanager
def _unpacked(built: list[Path]) -> Iterator[list[str]]:
    """What a run of the platform has built, instead of compilers: the gateway's program and the dashboard's files."""
    if len(built) < 2:
        yield []
        return
    with tempfile.TemporaryDirectory() as folder:
        for archive in built:
            run(["tar", "-xzf", str(archive), "-C", folder])
        (program,) = Path(folder, "bin").iterdir()
        yield ["--gateway", str(program), "--dashboard", str(Path(folder, "dist"))]


def _newest(pattern: str) -> Path | None:
    return max(cache_directory().glob(f"artefacts/{pattern}"), key=lambda path: path.stat().st_mtime, default=None)


def _sources() -> list[Path]:
    """What the project's folder on a host holds, relative to the example: what git knows or would."""
    said = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=EXAMPLE)
    return sorted(Path(name) for name in said.split("\0") if name and (EXAMPLE / name).is_file())


def _contents(paths: Iterable[Path]) -> list[str]:
    """Names and digests of the example's files."""
    return [f"{path} {hashlib.sha256((EXAMPLE / path).read_bytes()).hexdigest()}" for path in paths]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _shell(name: str, script: str) -> str:
    return docker("exec", name, "sh", "-ec", script, timeout=MAKING_SECONDS)


def _write(name: str, path: str, content: bytes) -> None:
    subprocess.run(client("exec", "-i", name, "sh", "-c", f"cat > {path}"), input=content, check=True, timeout=60)


def _pipe(source: list[str], sink: list[str]) -> None:
    image._pipe(source, sink)


if __name__ == "__main__":
    for each in sys.argv[1:] or sorted(PACKAGES):
        print(ensure(each))
