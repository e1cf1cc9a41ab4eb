"""Turns an active strategy's signal into an order."""
