"""Deterministic backtests by a worker."""
