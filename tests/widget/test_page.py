"""The module that the page gets."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jupyter_lmms_eval.widget import page

FRONT = Path(page.__file__).parent / "front"


def test_every_file_is_in_the_module_and_imports_only_from_files_before_it() -> None:
    assert sorted(page._MODULES) == sorted(path.stem for path in FRONT.glob("*.js"))
    exported: set[str] = set()
    for name in page._MODULES:
        text = (FRONT / f"{name}.js").read_text()
        for names, source in re.findall(r'^import \{ (.*) \} from "\./(.*)\.js";$', text, re.MULTILINE):
            assert page._MODULES.index(source) < page._MODULES.index(name)
            assert set(names.split(", ")) <= exported
        assert len(re.findall(r"^import ", text, re.MULTILINE)) == len(
            re.findall(r"^import \{.*;$", text, re.MULTILINE)
        )
        exported |= set(re.findall(r"^export (?:async )?(?:function|const) (\w+)", text, re.MULTILINE))


def test_no_two_files_use_one_name_for_two_things() -> None:
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", page.module(), re.MULTILINE)
    assert len(names) == len(set(names))


def test_nothing_of_a_job_can_become_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|\bfetch\(", page.module())


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_module_can_be_parsed() -> None:
    command = ["node", "--check", "--input-type=module"]
    done = subprocess.run(command, input=page.module(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
