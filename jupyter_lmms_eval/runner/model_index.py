"""Reads from the sources of model classes what can be asked of them, without importing them."""

from __future__ import annotations

import ast
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Entry = dict[str, Any]

_STATEMENT = re.compile(r"^[A-Za-z_@]", re.MULTILINE)
_METHOD = re.compile(r"^ {4}(?:def|async def|@)", re.MULTILINE)
_INIT = re.compile(r"^ {4}def __init__\b", re.MULTILINE)
_IMPORT = re.compile(r"^(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)
_OPTIONAL = re.compile(r"""optional_import\(\s*["']([A-Za-z_]\w*)""")


@dataclass(frozen=True)
class _Class:
    """A class as its source has it."""

    node: ast.ClassDef
    source: _Source


class _Source:
    """A module's source; only what is looked for is parsed, as parsing two hundred whole modules takes seconds."""

    def __init__(self, text: str, package: str) -> None:
        self._text = text
        self._package = package

    @property
    def imports(self) -> list[str]:
        """Names of the packages that it imports at its top level, or asks for by lmms-eval's `optional_import`."""
        return sorted({*_IMPORT.findall(self._text), *_OPTIONAL.findall(self._text)})

    def find(self, name: str) -> _Class | None:
        """Return a class of this module."""
        start = re.search(rf"^class {re.escape(name)}\b", self._text, re.MULTILINE)
        if start is None:
            return None
        # Up to the constructor's end; where that cuts through something that only looks alike, all is parsed.
        init = _INIT.search(self._text, start.end(), self._end(start.end()))
        end = _METHOD.search(self._text, init.end() if init else start.end())
        cut = min(self._end(start.end()), end.start() if end else len(self._text))
        head = self._text[start.start() : cut]
        for text in (head if init else head.rstrip() + "\n    pass\n", self._text):
            try:
                body = ast.parse(text).body
            except (SyntaxError, ValueError):
                continue
            classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == name]
            return _Class(classes[0], self) if classes else None
        return None

    def _end(self, start: int) -> int:
        """Return where the statement ends in which a place lies."""
        following = _STATEMENT.search(self._text, start)
        return following.start() if following else len(self._text)

    def origin(self, name: str) -> tuple[str, str] | None:
        """Return the module that a name was imported from, and what it is called there."""
        pattern = rf"^from\s+(\.*[\w.]*)\s+import\s+(?:\([^)]*?|[^(\n]*?)\b(\w+)\s+as\s+{re.escape(name)}\b"
        renamed = re.search(pattern, self._text, re.MULTILINE)
        plain = renamed or re.search(
            rf"^from\s+(\.*[\w.]*)\s+import\s+(?:\([^)]*?|[^(\n]*?)\b({re.escape(name)})\b", self._text, re.MULTILINE
        )
        if plain is None:
            return None
        module, original = plain.groups()
        if module.startswith("."):
            level = len(module) - len(module.lstrip("."))
            parents = self._package.split(".")
            base = ".".join(parents[: len(parents) - level + 1])
            module = f"{base}.{module.lstrip('.')}".strip(".")
        return module, original


class ModelIndex:
    """Model classes, each module read once."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source | None] = {}
        self._roots: dict[str, Path | None] = {}

    def describe(self, class_path: str) -> Entry:
        """Tell what a class's source says.

        Parameters
        ----------
        class_path
            Its module and name, as lmms-eval registers it.

        Returns
        -------
        dict
            ``module`` and ``class``; and if its source can be read its ``arguments``, each with name, ``default`` and
            ``annotation`` as written; ``required``; whether it takes ``others``; the first line of its text for
            people as ``description``; and the packages that its module ``imports``.
        """
        module, _, name = class_path.rpartition(".")
        entry: Entry = {"module": module, "class": name}
        source = self._source(module)
        found = source.find(name) if source else None
        if source is None or found is None:
            return entry
        entry["imports"] = [each for each in source.imports if each != "lmms_eval"]
        chain = self._chain(found)
        texts = (ast.get_docstring(each.node) for each in chain)
        text = next((text.strip() for text in texts if text and text.strip()), "")
        entry["description"] = text.splitlines()[0].strip() if text else ""
        entry["arguments"], entry["others"] = _arguments(chain)
        return entry

    def _chain(self, found: _Class, seen: frozenset[tuple[int, str]] = frozenset()) -> list[_Class]:
        """Return a class and those it inherits from, as far as their sources lead, in about the order of Python."""
        chain, seen = [found], seen | {(id(found.source), found.node.name)}
        for base in found.node.bases:
            if isinstance(base, ast.Name) and base.id not in ("lmms", "object"):
                following = self._named(base.id, found)
                if following is not None and (id(following.source), following.node.name) not in seen:
                    chain += self._chain(following, seen)
        return chain

    def _named(self, name: str, by: _Class) -> _Class | None:
        """Return the class that another names as its base: of its own module, or imported there."""
        if name != by.node.name and (found := by.source.find(name)):
            return found
        origin = by.source.origin(name)
        other = self._source(origin[0]) if origin else None
        return other.find(origin[1]) if other and origin else None

    def _source(self, module: str) -> _Source | None:
        if module not in self._sources:
            self._sources[module] = self._read(module)
        return self._sources[module]

    def _read(self, module: str) -> _Source | None:
        top, *rest = module.split(".")
        if top not in self._roots:
            # Of the top package only: finding what is below would import it.
            spec = importlib.util.find_spec(top) if top else None
            self._roots[top] = Path(spec.origin).parent if spec and spec.origin else None
        root = self._roots[top]
        if root is None:
            return None
        place = root.joinpath(*rest)
        for path, package in ((place.with_suffix(".py"), module.rpartition(".")[0]), (place / "__init__.py", module)):
            try:
                return _Source(path.read_text(encoding="utf-8"), package)
            except (OSError, UnicodeDecodeError):
                continue
        return None


def _arguments(chain: list[_Class]) -> tuple[list[Entry], bool]:
    """Collect the arguments of the constructor, and of those that it passes the rest of its arguments to."""
    found: dict[str, Entry] = {}
    others = False
    for each in chain:
        function = next(
            (node for node in each.node.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None
        )
        if function is None:
            continue
        given = function.args
        plain = [*given.posonlyargs, *given.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
        defaults += given.defaults
        pairs = [*zip(plain, defaults, strict=True)][1:]  # without self
        for argument, default in [*pairs, *zip(given.kwonlyargs, given.kw_defaults, strict=True)]:
            found.setdefault(argument.arg, _argument(argument, default))
        others = given.kwarg is not None
        if not others:
            break
    return list(found.values()), others


def _argument(argument: ast.arg, default: ast.expr | None) -> Entry:
    return {
        "name": argument.arg,
        "default": None if default is None else ast.unparse(default),
        "annotation": None if argument.annotation is None else ast.unparse(argument.annotation),
        "required": default is None,
    }
