"""The reference application under Docker Compose on a test host: made once a release, kept, and then only copied.

What is kept is a directory: all that the host's own engine holds (images, containers, volumes with what `seed.py` put
into them) and the project's folder. A new host gets a copy of it. Images never change, so their files are linked.
How much of the application it is says `stack.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import image
from engine import client, docker
from machine import MachineError, as_root, cache_directory, install, lock, run
from stack import STACKS, WHOLE, Stack

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
RECORD = "exchange.jsonl"
IN_IMAGES = ("libs", "services", "compose", "requirements.lock")
VOLUMES = ("-v", ENGINE, "-v", PROJECT)
DIGITS = 16
MAKING_SECONDS = 900
READY_SECONDS = 300
RECIPE = "2"
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


def images(stack: Stack) -> Path:
    """All images of the project in one file: kept by the digest of what goes into them."""
    image.ensure("12")
    base = docker(
        "image", "inspect", "--format", f'{{{{index .Config.Labels "{image.LABEL}"}}}}', image.tag("12")
    ).strip()
    compiled = () if stack.without else ("cargo-execution-gateway-*-debian12-*.tar.gz", "npm-dashboard-*.tar.gz")
    built = [archive for pattern in compiled if (archive := _newest(pattern))]
    # By their names, which hold the digest of their sources: the same sources are not always built to the same bytes.
    parts = [
        base,
        *(archive.name for archive in built),
        *_contents(path for path in _sources() if path.parts[0] in IN_IMAGES),
    ]
    kept = cache_directory() / "images"
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"{_folder(stack)}-{_digest(parts)}.tar.zst"
    with lock(f"{_folder(stack)}-images"):
        if not path.exists():
            install(["zstd"])
            without = [word for name in sorted(stack.without) for word in ("--without", name)]
            with _unpacked(built) as words:
                run(
                    as_root([str(BUILDER), "--base", image.tag("12"), "--save", str(path), *words, *without]),
                    timeout=MAKING_SECONDS * 2,
                )
            for old in kept.glob(f"{_folder(stack)}-{'?' * DIGITS}.tar.zst"):
                if old != path:
                    old.unlink(missing_ok=True)
    return path


def ensure(release: str, stack: Stack = WHOLE) -> Path:
    """The kept directory of a release, with the folders `docker` and `project`; made now where it is not there."""
    started = time.monotonic()
    archive = images(stack)
    ensure_image(release)
    digest = _digest([archive.name, PACKAGES[release], RECIPE, *stack.entrance, *_contents(_sources())])
    kept = cache_directory() / _folder(stack)
    found = kept / f"{release}-{digest}"
    with lock(f"{_folder(stack)}-{release}"):
        if not (found / "whole").exists():
            _make(release, stack, archive, found, [f"{time.monotonic() - started:6.1f} s  images"])
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


def wait_ready(name: str, stack: Stack, seconds: float = READY_SECONDS) -> None:
    """Returns when every container runs and every door answers as ready."""
    count = str(len(stack.services(_compose_file())))
    docker("exec", "-i", name, "python3", "-c", READY, str(seconds), count, timeout=seconds + 60)


def _make(release: str, stack: Stack, archive: Path, found: Path, times: list[str]) -> None:
    """Brings the project up on a host of its own, fills it, stops it, and keeps what the engine then holds."""
    import host

    name = f"making-{release}-{secrets.token_hex(3)}"
    try:
        with _timed("host", times):
            host.place(name, release, tag(release), VOLUMES)
            host.start(name)
        with _timed("docker load", times):
            image.pipe(["zstd", "-dc", str(archive)], client("exec", "-i", name, "docker", "load", "-q"))
        with _timed("containers", times):
            _bring_up(name, release, stack)
        with _timed("content", times):
            _fill(name, stack)
        # Containers that the engine stops with itself start with it again.
        with _timed("stop and keep", times):
            _shell(name, "systemctl stop docker.socket docker containerd")
            volumes = _volumes(name)
            run(as_root(["rm", "-rf", str(found)]))
            for source, folder in ((ENGINE, "docker"), (PROJECT, "project")):
                (found / folder).mkdir(parents=True)
                # Links are as good as copies here: the volumes go with the host.
                _copy([f"{volumes[source]}/."], str(found / folder), link=True)
        (found / "seconds").write_text("".join(f"{line}\n" for line in times), encoding="utf-8")
        (found / "whole").touch()
    finally:
        if name in {one.name for one in host.hosts()}:
            docker("rm", "-fv", name)


def _bring_up(name: str, release: str, stack: Stack) -> None:
    _send_project(name)
    _write(name, f"{PROJECT}/docker-compose.yml", stack.compose_file(_compose_file()).encode())
    exchange = f"sed -i 's|^EXCHANGE_URL=.*|EXCHANGE_URL={EXCHANGE_URL}|' .env"
    variables = "POSTGRES_IMAGE=cryptobot/postgres:debian REDIS_IMAGE=cryptobot/redis:debian"
    _shell(name, f"cd {PROJECT} && compose/init {variables} && {exchange}")
    start_exchange(name)
    compose = "docker-compose" if release == "12" else "docker compose"
    _shell(name, f"cd {PROJECT} && {compose} up -d --no-build </dev/null")
    wait_ready(name, stack)


def _fill(name: str, stack: Stack) -> None:
    entrance = shlex.join(stack.entrance)
    if stack.has_journey:
        exchange = "--exchange http://127.0.0.1:9900"
        _shell(name, f"cd {PROJECT} && python3 journey.py {entrance} {exchange} --json journey.json")
    _shell(name, f"cd {PROJECT} && python3 seed.py {entrance} --json seeded.json")
    record = "/var/lib/private/exchange/requests.jsonl"
    _shell(name, f"if test -e {record}; then cp {record} {PROJECT}/{RECORD}; fi")


@contextlib.contextmanager
def _timed(what: str, times: list[str]) -> Iterator[None]:
    started = time.monotonic()
    yield
    times.append(f"{time.monotonic() - started:6.1f} s  {what}")


def _folder(stack: Stack) -> str:
    return f"compose-{stack.name}" if stack.without else "compose"


def _compose_file() -> str:
    return (EXAMPLE / "docker-compose.yml").read_text(encoding="utf-8")


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
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]


def _shell(name: str, script: str) -> str:
    return docker("exec", name, "sh", "-ec", script, timeout=MAKING_SECONDS)


def _write(name: str, path: str, content: bytes) -> None:
    subprocess.run(client("exec", "-i", name, "sh", "-c", f"cat > {path}"), input=content, check=True, timeout=60)


if __name__ == "__main__":
    # compose.py [12|13 [data]]: has what is kept of a release, or of all, and says where.
    for each in sys.argv[1:2] or sorted(PACKAGES):
        print(ensure(each, STACKS[sys.argv[2]] if sys.argv[2:] else WHOLE))
