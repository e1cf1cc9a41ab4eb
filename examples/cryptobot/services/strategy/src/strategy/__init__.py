"""Trading strategies and their versions."""
