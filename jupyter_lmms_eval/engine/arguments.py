"""Checks of argument strings in lmms-eval's own notation, before a process is spent on them."""

from __future__ import annotations

import json


def split_arguments(text: str) -> list[str]:
    """Split ``key=value,key=value`` at the commas that lmms-eval splits at: outside of quotes and brackets.

    Parameters
    ----------
    text
        The argument string.
    """
    parts: list[str] = []
    current: list[str] = []
    depth = 0
    quote = ""
    for previous, char in zip(" " + text, text, strict=False):
        if char in "\"'" and previous != "\\":
            if not quote:
                quote = char
            elif quote == char:
                quote = ""
        elif not quote and char in "{[":
            depth += 1
        elif not quote and char in "}]":
            depth -= 1
        elif char == "," and not quote and depth == 0:
            parts.append("".join(current).strip())
            current = []
            continue
        current.append(char)
    parts.append("".join(current).strip())
    return [part for part in parts if part]


def problem_with_arguments(text: str) -> str | None:
    """Say what is wrong with an argument string, or None.

    Examples
    --------
    >>> problem_with_arguments("pretrained=a/b,dtype=float16")
    >>> problem_with_arguments("pretrained=a/b,float16")
    "'float16' has no '='; write key=value,key=value"
    """
    for part in split_arguments(text):
        key, equals, _ = part.partition("=")
        if not equals:
            return f"{part!r} has no '='; write key=value,key=value"
        if not key.strip():
            return f"{part!r} has no name before '='; write key=value,key=value"
    return None


def problem_with_seed(seed: int | str | list[int | None] | None) -> str | None:
    """Say what is wrong with a seed, or None: one number, or three or four; `None` keeps one unset."""
    if seed is None or isinstance(seed, int):
        return None
    parts = seed.split(",") if isinstance(seed, str) else [str(part) for part in seed]
    if len(parts) not in (1, 3, 4):
        return f"one number, or three or four (python, numpy, torch, few-shot), not {len(parts)}"
    for part in parts:
        word = part.strip()
        if word != "None" and not word.removeprefix("-").isdecimal():
            return f"{word!r} is not a whole number or None"
    return None


def problem_with_reasoning_tags(tags: str | list[list[str]] | None) -> str | None:
    """Say what is wrong with reasoning tags, or None: pairs of tags, as a list or as its JSON text, or `none`."""
    if tags is None or (isinstance(tags, str) and tags.strip().lower() in ("", "none")):
        return None
    try:
        pairs = json.loads(tags) if isinstance(tags, str) else tags
    except (ValueError, RecursionError):  # it may be nested deeper than any reader goes
        return f'{tags!r} is not JSON; write for example [["<think>", "</think>"]]'
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(tag, str) for tag in pair) for pair in pairs
    ):
        return f'must be pairs of tags, for example [["<think>", "</think>"]], not {tags!r}'
    return None
