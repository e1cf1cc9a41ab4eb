"""Market data: bars, prices and their stream."""
