"""Limits that an order must keep."""
