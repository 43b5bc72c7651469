"""lmms-eval in Jupyter as a service."""

