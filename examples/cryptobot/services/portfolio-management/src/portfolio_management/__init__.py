"""What is held and what it is worth."""
