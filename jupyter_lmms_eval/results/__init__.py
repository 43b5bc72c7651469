"""What a run left, read without torch and without lmms-eval."""

from .reading import ResultsFile, ResultsUnreadable, headline, parse_results, read_results

__all__ = ["ResultsFile", "ResultsUnreadable", "headline", "parse_results", "read_results"]
