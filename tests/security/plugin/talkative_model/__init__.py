"""A model plug-in for lmms-eval that tells its secrets to everybody."""
