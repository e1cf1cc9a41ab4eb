# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the releases that a host lacks, from the controller's store."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from ansible.module_utils.urls import open_url

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.plan import Artefact, Platform, Release, distinct
from ansible_collections.cryptobot.native.plugins.module_utils.release.source import add_bytes, add_tree
from ansible_collections.cryptobot.native.plugins.module_utils.release.store import (
    ArtefactStore,
    archive_binary,
    archive_files,
)
from ansible_collections.cryptobot.native.plugins.plugin_utils.release import SOURCE_OPTIONS, ReleaseAction


class ActionModule(ReleaseAction):
    """Action of M(cryptobot.native.release_install)."""

    takes = ("catalogue", "source", "cache", "installer", "uv", "workers", *SOURCE_OPTIONS)

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Ask the host what it lacks; only then send it."""
        releases = {release.service: release for release in self.plan(task_vars["inventory_hostname"])}
        arguments = {
            "releases": [release.spec() for release in releases.values()],
            **self.given("installer", "uv", "workers", *SOURCE_OPTIONS),
        }
        result = self._published(self.module("release_install", arguments, task_vars))
        if result.get("failed") or self._task.check_mode or not result["missing"]:
            return result
        store, platform = self.store(), Platform.parse(result["platform"])
        lacking = [releases[name] for name in result["missing"]]
        keys = {artefact.name: self._key(artefact, store, platform) for artefact in distinct(lacking)}

        def fill(archive: tarfile.TarFile) -> None:
            for release in lacking:
                self._add_source(archive, release)
            for name, key in keys.items():
                archive.add(store.path(key), f"artefacts/{name}.tar.gz")
            add_bytes(
                archive,
                "checksums.json",
                json.dumps({name: store.checksum(key) for name, key in keys.items()}).encode(),
            )

        with self.sent(fill) as (bundle, _directory):
            return self._published(self.module("release_install", {**arguments, "bundle": bundle}, task_vars))

    def _published(self, result: dict[str, Any]) -> dict[str, Any]:
        """Let later steps know which releases are about to be live; in check mode they cannot look."""
        if not result.get("failed"):
            result["ansible_facts"] = {
                "cryptobot_releases": {name: release["wanted"] for name, release in result["releases"].items()}
            }
        return result

    def _add_source(self, archive: tarfile.TarFile, release: Release) -> None:
        directory = self.source() / release.directory
        if release.runtime == "python":
            add_tree(archive, directory, f"source/{release.service}")
        for file in release.files:
            if (directory / file).is_dir():
                add_tree(archive, directory / file, f"source/{release.service}/{file}")
            else:
                add_bytes(archive, f"source/{release.service}/{file}", (directory / file).read_bytes())

    def _key(self, artefact: Artefact, store: ArtefactStore, platform: Platform) -> str:
        """The key of an artefact in the store; what needs no build host is made here."""
        if key := store.find(artefact, platform):
            return key
        if artefact.built:
            raise ReleaseError(
                f"{artefact.label}: what {artefact.directory} gives has not been built for {platform}. Put a host of this system, or of an "
                "older release of it, into the group cryptobot_build, and run site.yml without --limit."
            )
        made = store.new(artefact.name)
        if artefact.kind == "download":
            archive_binary(artefact, self._content(artefact.settings["url"], artefact.label), made)
        else:
            archive_files(artefact, self.source(), made)
        store.put(artefact.name, made, {})
        return artefact.name

    def _content(self, url: str, service: str) -> bytes:
        try:
            if "://" in url:
                return open_url(url, ca_path=self._task.args.get("ca") or None, timeout=60).read()
            return (self.source() / Path(url)).read_bytes()
        except (OSError, ValueError) as error:
            raise ReleaseError(f"services.{service}.build.url: {url} cannot be had: {error}.") from None
