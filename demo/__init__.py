"""Two bots chat while their master is killed again and again: `make demo`."""
