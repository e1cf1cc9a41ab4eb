# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host's package tools take what they download from, by their own settings, and whether that answers.

Nothing is kept: apt fetches one small file into a directory that is removed, the others are asked for a page.
An address may hold user and password; what is returned never does.
"""

from __future__ import annotations

import base64
import configparser
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

APT, PYTHON, NPM, CARGO = "apt", "python", "npm", "cargo"
DEFAULTS = {
    PYTHON: "https://pypi.org/simple",
    NPM: "https://registry.npmjs.org",
    CARGO: "sparse+https://index.crates.io/",
}
OWN_DEFAULT = "its own default"
APT_HELPER = "/usr/lib/apt/apt-helper"


@dataclass(frozen=True)
class Source:
    """``setting``: what says so. ``probe``: the address to ask; empty where it can't be asked over HTTP."""

    kind: str
    url: str
    setting: str
    probe: str = ""


@dataclass(frozen=True)
class Answer:
    """What came of asking a source. ``said``: why it was not reached, or what it refused."""

    kind: str
    url: str
    setting: str
    reached: bool
    seconds: float
    said: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def shown(url: str) -> str:
    """An address without user and password."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", url)


def python_sources(option: str, environment: Mapping[str, str], home: Path, root: Path = Path("/")) -> list[Source]:
    """Of pip, which brings the tools, and of uv, which makes environments and reads no file of pip's."""
    pip = _first([("release_python_index", option), ("PIP_INDEX_URL", environment.get("PIP_INDEX_URL", ""))])
    pip = pip or _pip_file(environment, home, root) or (DEFAULTS[PYTHON], OWN_DEFAULT)
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
    uv = _first([("release_python_index", option), *((name, environment.get(name, "")) for name in names)])
    uv = uv or (DEFAULTS[PYTHON], OWN_DEFAULT)
    if uv == pip:
        return [_python("uv, pip", *uv)]
    return [_python("uv", *uv), _python("pip", *pip)]


def _python(tool: str, url: str, setting: str) -> Source:
    return Source(PYTHON, url, f"{tool}: {setting}", f"{url.rstrip('/')}/uv/")


def _pip_file(environment: Mapping[str, str], home: Path, root: Path) -> tuple[str, str] | None:
    """The last of pip's own files that names an index: the user's wins over the machine's."""
    files = [
        environment.get("PIP_CONFIG_FILE", ""),
        home / ".config/pip/pip.conf",
        home / ".pip/pip.conf",
        root / "etc/pip.conf",
    ]
    for file in filter(None, files):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("install", "global"):
            if parser.has_option(section, "index-url"):
                return parser.get(section, "index-url").strip(), str(file)
    return None


def npm_source(option: str, environment: Mapping[str, str], home: Path, root: Path = Path("/")) -> Source:
    named = [("release_npm_registry", option)]
    named += [(name, environment.get(name, "")) for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY")]
    found = _first(named) or _npm_file([home / ".npmrc", root / "etc/npmrc"]) or (DEFAULTS[NPM], OWN_DEFAULT)
    return Source(NPM, found[0], f"npm: {found[1]}", f"{found[0].rstrip('/')}/-/ping")


def _npm_file(files: Iterable[Path]) -> tuple[str, str] | None:
    for file in files:
        if setting := re.search(r"^\s*registry\s*=\s*(\S+)", _text(file), re.MULTILINE):
            return setting[1].strip("\"'"), str(file)
    return None


def cargo_source(option: str, environment: Mapping[str, str], home: Path) -> Source:
    found = _first([("release_cargo_index", option)]) or _cargo_file(
        Path(environment.get("CARGO_HOME") or home / ".cargo")
    )
    url, setting = found or (DEFAULTS[CARGO], OWN_DEFAULT)
    plain = url.removeprefix("sparse+")
    probe = (
        f"{plain.rstrip('/')}/config.json" if url.startswith("sparse+") else plain if plain.startswith("http") else ""
    )
    return Source(CARGO, url, f"cargo: {setting}", probe)


def _cargo_file(directory: Path) -> tuple[str, str] | None:
    """A replacement of crates.io in cargo's own settings."""
    for file in (directory / "config.toml", directory / "config"):
        text = _text(file)
        if re.search(r"^\s*replace-with\s*=", text, re.MULTILINE) and (
            registry := re.search(r"^\s*registry\s*=\s*[\"']([^\"']+)", text, re.MULTILINE)
        ):
            return registry[1], str(file)
    return None


def apt_sources(print_uris: str, mirror: str = "", codename: str = "") -> list[Source]:
    """One a suite, out of what ``apt-get update --print-uris`` says; or the mirror that takes the place of all."""
    if mirror:
        url = f"{mirror.rstrip('/')}/dists/{codename}/InRelease"
        return [Source(APT, mirror, "apt: base_apt_mirror", url)]
    uris = dict.fromkeys(re.findall(r"^'([^']+/InRelease)'", print_uris, re.MULTILINE))
    return [Source(APT, uri.rpartition("/InRelease")[0], "apt: its sources", uri) for uri in uris]


def _first(named: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    return next(((value.split()[0], name) for name, value in named if value and value.strip()), None)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def ask_http(source: Source, seconds: float, ca: str = "") -> str:
    """Empty when it answers, else why not. Proxies are those of the environment."""
    parts = urllib.parse.urlsplit(source.probe)
    if parts.scheme not in ("http", "https"):
        return "it is no address of http or https"
    request = urllib.request.Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    request.add_header("User-Agent", "cryptobot-preflight")
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
    try:
        context = ssl.create_default_context(cafile=ca or None)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=seconds) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        # A page that a mirror does not have is an answer all the same.
        return "" if error.code in (404, 405) else f"it answers {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def ask_apt(source: Source, seconds: float, directory: Path, proxy: str = "") -> str:
    """By apt's own means: its proxies, certificates and passwords."""
    said = _fetched(source.probe, seconds, directory, proxy)
    # Old archives sign a file of their own instead.
    if "404" in said and source.probe.endswith("/InRelease"):
        return _fetched(source.probe.removesuffix("InRelease") + "Release", seconds, directory, proxy) and said
    return said


def _fetched(url: str, seconds: float, directory: Path, proxy: str) -> str:
    argv = [APT_HELPER, "-o", "Acquire::Retries=0"]
    for scheme in ("http", "https"):
        argv += ["-o", f"Acquire::{scheme}::Timeout={int(seconds)}"]
    argv += ["-o", f"Acquire::http::Proxy={proxy}"] if proxy else []
    target = directory / f"{abs(hash(url))}"
    try:
        done = subprocess.run(
            [*argv, "download-file", url, str(target)],
            capture_output=True,
            text=True,
            timeout=seconds + 2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:.0f} s"
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else why_not_fetched(done.stderr) or f"apt-helper ended with {done.returncode}"


def why_not_fetched(said: str) -> str:
    """The reason out of what apt prints: ``E: Failed to fetch ADDRESS  REASON``."""
    reason = re.search(r"^E: Failed to fetch \S+\s+(.+)$", said, re.MULTILINE)
    errors = [line.removeprefix("E: ") for line in said.splitlines() if line.startswith("E: ")]
    return " ".join(reason[1].split()) if reason else errors[-1] if errors else ""


def ask_all(sources: Iterable[Source], ask: Callable[[Source], str]) -> list[Answer]:
    """All at once, each as often as it is named once."""

    def one(source: Source) -> Answer:
        if not source.probe:
            return Answer(source.kind, shown(source.url), source.setting, True, 0.0, "not asked: it is no HTTP address")
        begun = time.monotonic()
        said = shown(ask(source))
        return Answer(
            source.kind, shown(source.url), source.setting, not said, round(time.monotonic() - begun, 2), said
        )

    unique = list(dict.fromkeys(sources))
    if not unique:
        return []
    with ThreadPoolExecutor(min(8, len(unique))) as pool:
        return list(pool.map(one, unique))
