# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server that data is read from or written to: in a container, on this host by peer, or anywhere by address.

Passwords stay inside this process: psycopg2 gets them as an argument of a call, programs by a private password file.
"""

from __future__ import annotations

import getpass
import glob
import os
import pwd
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import scratch
from ..docker import endpoints as docker_endpoints
from ..docker.engine import DockerError, Engine

try:
    import psycopg2
    import psycopg2.extensions
except ImportError:  # a bare host
    psycopg2 = None

ADMINISTRATOR = "postgres"
SOCKET = "/run/postgresql"
PORT = 5432
CONNECT_SECONDS = 10
NO_FILE = "/nonexistent"
APPLICATION = "cryptobot-migration"
"""``application_name`` of every session, so that a stranger in ``pg_stat_activity`` can be told from us."""

# A cut line is noticed within half a minute while waiting, within two minutes while sending: a server that is merely busy
# with a checkpoint keeps its window closed for a while, and is not cut off.
LINE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 120_000}

# Whatever the server, the role or the database has as its default. JIT makes queries of the catalogue slower, by seconds.
SESSION = " ".join(
    f"-c {each}"
    for each in (
        "jit=off",
        "statement_timeout=0",
        "lock_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "default_transaction_read_only=off",
        "default_transaction_deferrable=off",
    )
)

_BINARIES = "/usr/lib/postgresql/*/bin"
_SWITCH = threading.RLock()
"""The effective user belongs to the whole process: whoever changes it, even for an instant, holds this."""


class EndpointError(RuntimeError):
    """A server can't be asked, or it refused. The text is a sentence for the operator, without any secret."""


@dataclass(frozen=True)
class Endpoint:
    """One server. ``system_user`` is who connects by peer authentication; ``title`` names the server in sentences."""

    host: str
    port: int
    user: str
    password: str | None = field(default=None, repr=False)
    system_user: str = ""
    title: str = ""
    sslmode: str = "prefer"
    container: tuple[str, str] | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any], engine: Engine | None = None) -> Endpoint:
        """``{container: {project, service}}``, ``{local: {}}`` or ``{host, port, user, password_file}``."""
        given = {name: value for name, value in options.items() if value is not None}
        if "container" in given:
            return cls._of_container(given["container"], engine)
        if "local" in given:
            local = given["local"] or {}
            directory, port = local.get("socket") or SOCKET, int(local.get("port") or PORT)
            return cls(directory, port, ADMINISTRATOR, None, ADMINISTRATOR, f"PostgreSQL on this host (port {port})")
        if "host" not in given:
            raise EndpointError(
                "A PostgreSQL server is named by container: {project: …, service: …}, by local: {}, or by host, port, user "
                f"and password_file; found {', '.join(sorted(given)) or 'nothing'}."
            )
        host, port, user = str(given["host"]), int(given.get("port") or PORT), str(given.get("user") or ADMINISTRATOR)
        mode = given.get("sslmode") or (
            "disable" if host.startswith("/") or host in ("127.0.0.1", "::1", "localhost") else "prefer"
        )
        return cls(host, port, user, _password(given.get("password_file")), "", f"PostgreSQL at {host}:{port}", mode)

    @classmethod
    def _of_container(cls, given: Mapping[str, str], engine: Engine | None) -> Endpoint:
        try:
            found = docker_endpoints.postgresql(given["project"], given["service"], engine)
        except DockerError as error:
            raise EndpointError(str(error)) from None
        title = f"PostgreSQL in the container of {given['project']}/{given['service']}"
        place = (given["project"], given["service"])
        return cls(found["host"], found["port"], found["user"], found["password"], "", title, "disable", place)

    def connect(
        self, database: str = ADMINISTRATOR, *, name: str = APPLICATION, autocommit: bool = True, replication: bool = False
    ) -> Any:
        """A session with nothing of the server's, role's or database's own defaults that could cut it short."""
        if psycopg2 is None:
            raise EndpointError(
                "python3-psycopg2 is not installed. Install it (the role postgresql does), then run again."
            )
        try:
            with _as(self.system_user):
                connection = psycopg2.connect(
                    host=self.host,
                    port=self.port,
                    user=self.user,
                    password=self.password,
                    dbname=database,
                    sslmode=self.sslmode,
                    connect_timeout=CONNECT_SECONDS,
                    application_name=name,
                    passfile=NO_FILE,
                    options=SESSION,
                    **LINE,
                    **({"replication": "database"} if replication else {}),
                )
        except psycopg2.OperationalError as error:
            raise EndpointError(self._refusal(str(error), database)) from None
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout')"
            )
        connection.autocommit = autocommit
        return connection

    @contextmanager
    def cursor(self, database: str = ADMINISTRATOR) -> Iterator[Any]:
        """A cursor in autocommit; what the server refuses becomes a sentence."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            raise EndpointError(f"{self.title}, database {database}: {said(error)}") from None
        finally:
            connection.close()

    def _refusal(self, text: str, database: str) -> str:
        """What a failed attempt to connect means and what to do."""
        lines = [line.strip() for line in text.strip().splitlines() if line.strip()] or ["no reason was given"]
        # "connection to server at … failed: reason", then hints
        reason = lines[0].rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
        lowered = text.lower()
        if "password authentication failed" in lowered or "no password supplied" in lowered or "fe_sendauth" in lowered:
            return f"{self.title} does not accept the password of {self.user}. " + (
                "The container's POSTGRES_PASSWORD counts only when the volume is empty; set it again inside: "
                f"docker exec -it CONTAINER psql -U {self.user} -c '\\password'"
                if self.container
                else "Check password_file."
            )
        if "does not exist" in lowered and f'"{database}"'.lower() in lowered:
            return f"{self.title} has no database {database}. Check the name in the catalogue, or list them: psql -l"
        if "peer authentication failed" in lowered:
            return f"{self.title} does not let the system user {self.system_user or getpass.getuser()} in as {self.user}: {reason}"
        if "too many" in lowered or "remaining connection slots" in lowered:
            return f"{self.title} has no free connection: {reason}. Stop what uses it, or raise max_connections."
        if "pg_hba.conf" in lowered:
            return f"{self.title} refuses {self.user} from this host: {reason}. Let it in by pg_hba.conf."
        return f"{self.title} is not reached: {reason}. Check that it runs and listens there."

    @contextmanager
    def client(self) -> Iterator[dict[str, Any]]:
        """Keywords for `subprocess` (``env``, and the user where peer authentication asks for one) so that libpq's programs
        reach this server. The password file is private and gone afterwards."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGSSLMODE": self.sslmode,
            "PGAPPNAME": APPLICATION,
            "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
            "PGPASSFILE": NO_FILE,
            "LC_ALL": "C.UTF-8",
        }
        keywords: dict[str, Any] = {"env": environment, "cwd": "/"}
        if self.system_user and self.system_user != getpass.getuser():
            account = _account(self.system_user)
            keywords |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        with scratch.folder() as directory:
            if self.password:
                path = os.path.join(directory, "pgpass")
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                    file.write(f"*:*:*:*:{self.password.replace(chr(92), chr(92) * 2).replace(':', chr(92) + ':')}\n")
                environment["PGPASSFILE"] = path
            yield keywords

    def run(self, program: str, arguments: Sequence[str], **keywords: Any) -> subprocess.CompletedProcess[bytes]:
        """Runs one of PostgreSQL's programs against this server; its error output becomes the sentence of a failure."""
        with self.client() as client:
            done = subprocess.run(
                [binary(program), *arguments], stdin=subprocess.DEVNULL, check=False, **client, **keywords
            )
        if done.returncode != 0:
            raise EndpointError(f"{program} with {self.title} failed: {last_words(done.stderr)}")
        return done

    def on_this_host(self, path: str) -> Path | None:
        """Where a path that the server names (``data_directory``) lies here; None where it can't be known."""
        if self.container:
            try:
                here = Path((Engine()).container(*self.container).host_path(path))
            except DockerError:
                return None
            return here if here.exists() else None
        local = self.host.startswith("/") or self.host in ("127.0.0.1", "::1", "localhost", socket.gethostname())
        return Path(path) if local and os.path.exists(path) else None


def binary(program: str) -> str:
    """The newest of this host's: pg_dump refuses a server that is newer than itself, and no older one knows all objects."""
    found = [
        (int(version), path)
        for path in glob.glob(f"{_BINARIES}/{program}")
        if (version := path.split("/")[-3]).isdigit()
    ]
    path = max(found)[1] if found else shutil.which(program)
    if not path:
        raise EndpointError(
            f"{program} is not on this host. Install postgresql-client (the role postgresql does), then run again."
        )
    return path


def binary_version(program: str = "pg_dump") -> int:
    """The major version of the programs that are used."""
    done = subprocess.run([binary(program), "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


def said(error: BaseException) -> str:
    """What the server said, on one line and without the statement, which could hold a secret."""
    diagnosis = getattr(error, "diag", None)
    message = getattr(diagnosis, "message_primary", None)
    if not message:
        lines = str(error).strip().splitlines()
        return lines[0] if lines else type(error).__name__
    extra = [text for text in (diagnosis.message_detail, diagnosis.message_hint) if text]
    return ". ".join(part.rstrip(".") for part in (message, *extra)) + "."


def last_words(output: bytes | str | None, lines: int = 3) -> str:
    """The end of a program's error output, on one line."""
    text = output.decode(errors="replace") if isinstance(output, bytes) else output or ""
    return " ".join(line.strip() for line in text.strip().splitlines()[-lines:]) or "it said nothing"


def _password(path: str | None) -> str | None:
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise EndpointError(f"The password file {path} can't be read: {error.strerror}.") from None


def _account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise EndpointError(f"The system user {name} does not exist on this host. Install PostgreSQL first.") from None


@contextmanager
def own_user() -> Iterator[None]:
    """Files are written as who this process is: nobody opens a session as another user meanwhile."""
    with _SWITCH:
        yield


@contextmanager
def _as(name: str) -> Iterator[None]:
    """Peer authentication looks at the effective user at the moment of connecting."""
    if not name or os.geteuid() != 0:
        yield
        return
    user = _account(name).pw_uid
    with _SWITCH:
        os.seteuid(user)
        try:
            yield
        finally:
            os.seteuid(0)
