"""The guardian's program, as the role `edge` places it."""

from __future__ import annotations

import sys

from ansible_collections.cryptobot.native.plugins.module_utils.cutover.guardian import main

sys.exit(main(sys.argv[1:]))
