"""Works through signals in a loop."""
