"""What the tests of releases share beside the fixtures of every load."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "scenarios"), str(Path(__file__).parent)]

from fixtures import programs, under_load  # noqa: E402, F401
from shelf import Shelf  # noqa: E402


@pytest.fixture(scope="session")
def shelf(tmp_path_factory) -> Iterator[Shelf]:
    """The application, of which each test writes the version that it releases; its program is at a web server."""
    folder = tmp_path_factory.mktemp("shelf")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Shelf(folder, f"http://127.0.0.1:{server.server_port}/source/teller/program")
    server.shutdown()
