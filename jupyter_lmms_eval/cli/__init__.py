"""`jupyter lmms-eval`: the service from a terminal."""
