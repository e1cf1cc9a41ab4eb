"""Stands for an exchange, outside of the host: answers every line with the same line.

  exchange.py serve    at port 9100
  exchange.py ask      one line there, on a connection of its own
  exchange.py talk     line after line on one connection; how it ended is the last line of the output
"""

from __future__ import annotations

import socket
import socketserver
import sys
import time

PLACE = ("192.0.2.10", 9100)


class Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def lines(count: int) -> None:
    with socket.create_connection(PLACE, timeout=5) as line:
        for number in range(count):
            line.sendall(f"{number}\n".encode())
            if not line.recv(100):
                raise ConnectionError("the exchange ended it")
            time.sleep(0.1 if count > 1 else 0)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        Server(("0.0.0.0", PLACE[1]), Echo).serve_forever()
    try:
        lines(1 if sys.argv[1] == "ask" else 12000)
    except OSError as error:
        sys.exit(f"{type(error).__name__}")
