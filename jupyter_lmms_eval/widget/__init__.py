"""The live table of jobs in a notebook, fed by what the server says."""

from .table import JobTable

__all__ = ["JobTable"]
