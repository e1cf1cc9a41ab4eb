"""Paper orders for active strategies."""
