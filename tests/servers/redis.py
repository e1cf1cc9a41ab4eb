"""Redis servers for tests and benchmarks, each in its own folder and on its own port: Debian's (apt-get install redis-server).

with Server(6391, folder, password="secret") as server: …
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEED = ROOT / "tests" / "seed" / "redis.py"


def free_port() -> int:
    """A port that nobody has right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Server:
    """One server on 127.0.0.1; `more` goes onto its command line, `config` is a file that it reads first."""

    port: int
    folder: Path
    password: str = ""
    more: tuple[str, ...] = ()
    config: str = ""
    _process: subprocess.Popen | None = field(default=None, repr=False)

    def __enter__(self) -> Server:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it answers, and has loaded what it kept."""
        self.launch()
        for __ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                answer = probe.recv(100)
                if answer and not answer.startswith(b"-LOADING"):
                    return
            time.sleep(0.1)
        raise RuntimeError(f"redis-server does not answer; see {self.folder / 'log'}")

    def launch(self) -> None:
        """Returns at once."""
        program = shutil.which("redis-server") or sys.exit(
            "There is no redis-server here: apt-get install redis-server"
        )
        words = [program, *([self.config] if self.config else []), "--port", str(self.port), "--bind", "127.0.0.1"]
        words += ["--dir", str(self.folder), "--save", ""]
        words += ["--repl-diskless-sync-delay", "0", "--logfile", str(self.folder / "log")]
        words += ["--requirepass", self.password] if self.password else []
        self._process = subprocess.Popen([*words, *self.more], stdout=subprocess.DEVNULL)

    def stop(self, how: int = signal.SIGTERM) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            # One that can't write its file does not end when it is asked to.
            self._process.kill()
            self._process.wait(30)

    @property
    def options(self) -> dict:
        """The endpoint that the modules take."""
        if not self.password:
            return {"host": "127.0.0.1", "port": self.port}
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="utf-8")
        return {"host": "127.0.0.1", "port": self.port, "password_file": str(secret)}

    def seed(self, keys: int) -> None:
        words = [sys.executable, str(SEED), "--port", str(self.port), "--keys", str(keys)]
        words += ["--password-file", self.options["password_file"]] if self.password else []
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
