"""Failures that a person can do something about become one red line in the notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from IPython.core.error import UsageError

from ..client.failing import sentence as sentence_of
from ..hosting.detached import NotStoppable

# What a person is told to type; a server can be started from either.
_OF_TERMINAL = re.compile(r"`jupyter lmms-eval (jobs|results)\b")


@contextmanager
def one_line() -> Iterator[None]:
    """Turn expected failures into `UsageError`, which a notebook shows as one line; others keep their traceback."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        text = sentence(error)
        if text is None:
            raise
        raise UsageError(text) from None


def sentence(error: Exception) -> str | None:
    """Say what happened, in the words of a notebook; None for an error of this program."""
    text = str(error) if isinstance(error, NotStoppable) else sentence_of(error)
    return None if text is None else _OF_TERMINAL.sub(r"`%lmms_eval_server \1", text)
