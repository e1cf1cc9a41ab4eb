"""Users, second factor, sessions and tokens."""
