"""The plants of tests/plants/postgresql, from 15 to 15, from 15 to 17 and back to 15."""

from test_plants import *  # noqa: F403
