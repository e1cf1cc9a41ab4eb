# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over the resolved catalogue; each is documented in a file of its own name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import (
    environment_file,
    queries,
    report,
    rewriting,
)
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.waves import waves


def rewrite_urls(value: Any, resolved: Mapping[str, Any], loopback: str = "127.0.0.1") -> Any:
    """See rewrite_urls.yml."""
    return rewriting.Rewriter(rewriting.addresses_of(resolved, loopback)).rewrite(value)


def start_waves(after: Mapping[str, list[str]]) -> list[list[str]]:
    """See waves.yml."""
    return [sorted(wave) for wave in waves(after)]


def explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """A fault in what a filter is given is the user's to mend, and says so; none of the messages holds a secret."""

    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (KeyError, ValueError) as error:
            raise AnsibleFilterError(str(error.args[0] if error.args else error)) from None

    return call


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        functions = {
            "catalogue_view": report.view,
            "env_file": environment_file.env_file,
            "ports": queries.ports,
            "rewrite_urls": rewrite_urls,
            "secret_files": queries.secret_files,
            "services_on": queries.services_on,
            "waves": start_waves,
        }
        return {name: explained(function) for name, function in functions.items()}
