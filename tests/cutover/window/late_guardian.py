"""The guardian's program, with a recovery that can't end the controller: epochs, sessions and the intent must do."""

from __future__ import annotations

import sys

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import guardian
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.recovery import Recovery

Recovery._end_controller = lambda self: None

if __name__ == "__main__":
    sys.exit(guardian.main(sys.argv[1:]))
