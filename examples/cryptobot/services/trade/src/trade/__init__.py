"""Orders, idempotent by client order id."""
