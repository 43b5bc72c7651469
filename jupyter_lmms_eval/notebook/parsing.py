"""Command lines of magics: help as text, mistakes as one line that names the nearest word."""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn

from IPython.core.error import UsageError


class HelpAsked(Exception):
    """Help was asked for instead of an action; its text is the help."""


class MagicParser(argparse.ArgumentParser):
    """A parser that neither prints nor exits."""

    def __init__(self, **keywords: Any) -> None:
        keywords.setdefault("formatter_class", _Formatter)
        super().__init__(**keywords)

    def error(self, message: str) -> NoReturn:
        """Refuse what was typed.

        Raises
        ------
        UsageError
            Always.
        """
        text = " ".join(message.split())
        raise UsageError(f"{text}{self._nearest_choice(text)}. See {self.prog}?")

    def print_help(self, file: object = None) -> NoReturn:  # noqa: ARG002  (argparse's signature)
        """Answer with the help.

        Raises
        ------
        HelpAsked
            Always.
        """
        raise HelpAsked(self.format_help())

    def parse_all(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse words, and refuse what is not known with the nearest that is.

        Parameters
        ----------
        words
            The words.
        """
        args, rest = self.parse_known_args(list(words))
        if rest:
            flags = [flag for action in self._actions for flag in action.option_strings]
            hint = nearest(rest[0].partition("=")[0], flags) if rest[0].startswith("-") else ""
            raise UsageError(f"{self.prog} does not know {' '.join(rest)}{hint}. See {self.prog}?")
        return args

    def _nearest_choice(self, message: str) -> str:
        found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        return nearest(found[1], re.findall(r"[\w-]+", found[2])) if found else ""


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)


def nearest(word: str, known: Sequence[str]) -> str:
    """Suggest the nearest known word.

    Parameters
    ----------
    word
        What was typed.
    known
        What could have been meant.

    Returns
    -------
    str
        The end of a sentence; empty if nothing is near.
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def split(line: str) -> list[str]:
    """Split a line into words, as a shell does; backslashes at line ends join lines.

    Parameters
    ----------
    line
        What follows the magic's name.
    """
    try:
        return shlex.split(line.replace("\\\r\n", " ").replace("\\\n", " "))
    except ValueError as error:
        raise UsageError(f"A quotation mark is not closed ({error}): {line.strip()}") from None
