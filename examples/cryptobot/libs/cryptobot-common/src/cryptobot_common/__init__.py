"""What the Python services of Cryptobot share: settings, logs, tokens, datastores, calls, health."""

from cryptobot_common.service import Service

__all__ = ["Service"]
