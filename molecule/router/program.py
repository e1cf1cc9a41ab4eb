"""A small service, in a container or natively: keeps rows, and calls another one by a connection that it keeps."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import select
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIDE, SERVICE, PORT, ROWS = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
OTHER, __, OTHER_PORT = os.environ.get("OTHER", "").partition(":")
pool: list[http.client.HTTPConnection] = []
lock = threading.Lock()


def call_anew() -> dict:
    """The other service by its name, by a connection of its own."""
    connection = http.client.HTTPConnection(OTHER, int(OTHER_PORT), timeout=15)
    connection.request("GET", "/who")
    said = json.loads(connection.getresponse().read())
    connection.close()
    return said


def call() -> dict:
    """The other service, by a pooled connection: one that has been closed is not used again."""
    with lock:
        connection = pool.pop() if pool else http.client.HTTPConnection(OTHER, int(OTHER_PORT), timeout=15)
    if connection.sock and select.select([connection.sock], [], [], 0)[0]:
        connection.close()
    connection.request("GET", "/who")
    said = json.loads(connection.getresponse().read())
    with lock:
        pool.append(connection)
    return said


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.upgraded()
            return
        answer = {"status": "ok", "side": SIDE, "service": SERVICE}
        if path in ("/call", "/call-anew"):
            answer["other"] = call() if path == "/call" else call_anew()
        self.answer(answer)

    def upgraded(self) -> None:
        """Answers each line with the side; lines stand for a WebSocket's frames, which the proxy does not read."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        while self.rfile.readline():
            self.wfile.write(f"{SIDE}\n".encode())
            self.wfile.flush()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.partition("=")[2]))
        identity = json.loads(body or b"{}").get("id", "")
        descriptor = os.open(ROWS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{identity} {SIDE}\n".encode())
        os.close(descriptor)
        if self.path == "/die":
            os._exit(3)
        self.answer({"id": identity, "side": SIDE})

    def answer(self, content: dict) -> None:
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words: object) -> None:
        """Not for every request."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


Server(("0.0.0.0" if SIDE == "docker" else "127.0.0.1", PORT), Handler).serve_forever()
