"""A line between a program and a server that can be cut and mended, or fall silent."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

CHUNK = 1 << 16


class Line:
    """Passes connections to ``127.0.0.1:port`` on from a port of its own."""

    def __init__(self, port: int) -> None:
        self._to, self._sockets, self._silent = port, [], threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._whole = True
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends what there is; new connections are closed at once."""
        with self._lock:
            self._whole = False
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def silence(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        self._silent.set()

    def mend(self) -> None:
        if self._silent.is_set():
            self.cut()
            self._silent.clear()
        self._whole = True

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, __ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(CHUNK):
                while self._silent.is_set():
                    time.sleep(0.05)
                other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
