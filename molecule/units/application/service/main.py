"""A service that keeps rows, and does on request what a sandbox should deny."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess

ROWS = os.path.join(os.environ["STATE_DIRECTORY"], "rows")


def keep(identity: str) -> None:
    """Acknowledged means on disk."""
    descriptor = os.open(ROWS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, identity.encode() + b"\n")
    os.fdatasync(descriptor)
    os.close(descriptor)


def write_outside() -> None:
    with open("/etc/cryptobot/planted", "w", encoding="ascii") as file:
        file.write("x")


def read_another_ones_secret() -> None:
    with open("/etc/cryptobot/secrets/ledger.word", encoding="ascii") as file:
        file.read()


def connect_elsewhere() -> None:
    # An address for documentation: refused at once by the fence, and never answered without it.
    with socket.socket(type=socket.SOCK_DGRAM) as outside:
        outside.sendto(b"x", ("192.0.2.1", 9))


def listen_elsewhere() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 17999))


def run_what_it_wrote() -> None:
    """In every directory that it may write; the first that lets it is one too many."""
    for directory in (os.environ["STATE_DIRECTORY"], os.environ["LOGS_DIRECTORY"], os.environ["RUNTIME_DIRECTORY"], "/tmp", "/var/tmp", "/dev/shm"):
        path = os.path.join(directory, "planted")
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n")
        os.chmod(path, 0o700)
        try:
            subprocess.run([path], check=True)
        except PermissionError:
            continue
        return
    raise PermissionError(13, "nowhere")


def become_root() -> None:
    os.setuid(0)


def trace() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, os.getppid(), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def see_others() -> None:
    if not [name for name in os.listdir("/proc") if name.isdigit() and os.stat(f"/proc/{name}").st_uid != os.getuid()]:
        raise OSError(1, "no process of others is seen")


def make_a_namespace() -> None:
    os.unshare(os.CLONE_NEWUSER) if hasattr(os, "unshare") else subprocess.run(["unshare", "--user", "true"], check=True)


def read_a_device() -> None:
    with open("/dev/kmsg", "rb") as device:
        device.read(1)


DENIED = {
    function.__name__: function
    for function in (
        write_outside, read_another_ones_secret, connect_elsewhere, listen_elsewhere, run_what_it_wrote, become_root, trace, see_others,
        make_a_namespace, read_a_device,
    )
}


def attempt(name: str) -> dict[str, str]:
    try:
        DENIED[name]()
    except (OSError, subprocess.CalledProcessError) as error:
        return {"denied": str(error)}
    return {"done": name}


def secret() -> str:
    with open(os.environ["WORD_FILE"], encoding="ascii") as file:
        return file.read().strip()


async def answer(scope, body: bytes) -> tuple[int, dict[str, object]]:
    path, method = scope["path"], scope["method"]
    if path in ("/health/live", "/health/ready"):
        return 200, {"status": "ok", "service": os.environ["SERVICE"]}
    if path == "/rows" and method == "POST":
        await asyncio.to_thread(keep, json.loads(body)["id"])
        return 201, {}
    if path == "/slow":
        await asyncio.sleep(2)
        return 200, {"pid": os.getpid()}
    if path == "/end":
        os._exit(0)
    if path == "/secret":
        return 200, {"length": len(secret()), "variables": [name for name, value in os.environ.items() if secret() in value]}
    if path.startswith("/deny/"):
        return 200, await asyncio.to_thread(attempt, path.removeprefix("/deny/"))
    return 200, {"pid": os.getpid(), "request_id": dict(scope["headers"]).get(b"x-request-id", b"").decode()}


async def app(scope, receive, send) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, document = await answer(scope, body)
    data = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
