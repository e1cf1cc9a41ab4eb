"""Signals, and the state of the trading side."""
