"""What the services have in common: a server at a port, or at a socket that is handed over, and answers in JSON."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def told(self) -> str:
        """The id of the row that is to be kept."""
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"]

    def tried(self, work: Callable[[], object]) -> None:
        try:
            status, said = 200, work()
        except Exception as error:
            status, said = 500, {"error": f"{type(error).__name__} {error}".splitlines()[0][:200]}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words: object) -> None:
        """Not for every request."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def serve(handler: type[Answers]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fd", type=int, default=0)
    given = parser.parse_args()
    if given.fd:
        server = Server(("127.0.0.1", 0), handler, bind_and_activate=False)
        server.socket.close()
        server.socket = socket.socket(fileno=given.fd)
    else:
        server = Server(("0.0.0.0", given.port), handler)
    server.serve_forever()
