"""Faults on purpose, at random, while jobs run: afterwards nothing may be missing (`python -m tests.chaos --help`)."""
