# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions on releases share: the plan from the controller's own source, and one archive for a host."""

from __future__ import annotations

import contextlib
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError, explain
from ansible_collections.cryptobot.native.plugins.module_utils.release.plan import Release, plan_releases
from ansible_collections.cryptobot.native.plugins.module_utils.release.store import ArtefactStore

SOURCE_OPTIONS = ("python_index", "npm_registry", "cargo_index", "ca")


def cache_directory() -> Path:
    """The controller's cache, outside every checkout: a fresh clone on the same machine is quick."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptobot-native"


class ReleaseAction(ActionBase):
    """An action that plans on the controller and works by modules of this collection on the host."""

    TRANSFERS_FILES = True
    takes: tuple[str, ...] = ()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the arguments and work; every error of releases is a failure with its sentence."""
        super().run(tmp, task_vars)
        if unknown := sorted(set(self._task.args) - set(self.takes)):
            raise AnsibleActionFail(
                f"{self._task.action}: unknown option {', '.join(unknown)}. It takes {', '.join(self.takes)}."
            )
        try:
            return self.work(task_vars or {})
        except ReleaseError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            raise AnsibleActionFail(str(explain(error, "on the controller"))) from None

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result of the task."""
        raise NotImplementedError

    def plan(self, host: str | None) -> list[Release]:
        """The wanted releases: those of one host of the inventory, or all."""
        catalogue: Mapping[str, Any] = self._task.args["catalogue"]
        services = catalogue["services"]
        if host is not None:
            names = catalogue.get("hosts", {}).get(host, {}).get("services", list(services))
            services = {name: services[name] for name in names}
        return plan_releases(services, self.source())

    def source(self) -> Path:
        """The application's source on the controller."""
        return Path(self._task.args["source"]).expanduser()

    def store(self) -> ArtefactStore:
        """The controller's own store of artefacts."""
        return ArtefactStore(Path(self._task.args.get("cache") or cache_directory()).expanduser() / "artefacts")

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the task's arguments that are not empty."""
        return {name: self._task.args[name] for name in names if self._task.args.get(name) not in (None, "")}

    def module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run a module of this collection on the host."""
        result = self._execute_module(
            module_name=f"cryptobot.native.{name}", module_args=arguments, task_vars=task_vars
        )
        result.pop("invocation", None)
        return result

    @contextlib.contextmanager
    def sent(self, fill: Callable[[tarfile.TarFile], None]) -> Iterator[tuple[str, str]]:
        """Send one archive and yield its place on the host and the directory it is in; both go afterwards."""
        with tempfile.NamedTemporaryFile(suffix=".tar") as local:
            with tarfile.open(fileobj=local, mode="w") as archive:
                fill(archive)
            local.flush()
            directory = self._make_tmp_path()
            try:
                remote = self._connection._shell.join_path(directory, "bundle.tar")
                self._transfer_file(local.name, remote)
                yield remote, directory
            finally:
                self._remove_tmp_path(directory, force=True)
