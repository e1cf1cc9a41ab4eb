# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where tools take what they download from, and whom they trust there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
_INHERITED = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class Sources:
    """Indexes, registries and the certificates they are trusted by; empty means the tool's own default."""

    python_index: str = ""
    npm_registry: str = ""
    cargo_index: str = ""
    ca: str = ""

    def environment(self, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
        """What uv, pip, npm and cargo read of it from their environment; proxies are the machine's own."""
        found = {
            name: value
            for name, value in (os.environ if inherited is None else inherited).items()
            if name.lower() in _INHERITED
        }
        found["UV_SYSTEM_CERTS"] = "1"
        if self.python_index:
            found["UV_DEFAULT_INDEX"] = found["PIP_INDEX_URL"] = self.python_index
        if self.npm_registry:
            found["npm_config_registry"] = self.npm_registry
        # A Node that is not Debian's brings a trust store of its own.
        found["NODE_EXTRA_CA_CERTS"] = self.ca or SYSTEM_CA
        if self.ca:
            found |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "CARGO_HTTP_CAINFO"), self.ca)
        return found

    def cargo_config(self) -> str:
        """The configuration file of cargo: it takes a mirror from nowhere else."""
        if not self.cargo_index:
            return ""
        return (
            f'[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = {json.dumps(self.cargo_index)}\n'
        )
