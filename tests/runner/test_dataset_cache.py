"""Datasets stay between evaluations of one process, and nobody can tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.runner import dataset_cache
from jupyter_lmms_eval.runner.dataset_cache import DatasetCache, file_states


class Loads:
    """Loads datasets through a cache, and counts how often one was really loaded."""

    def __init__(self, folder: Path) -> None:
        self.cache = DatasetCache()
        self.folder = folder
        self.count = 0

    def __call__(self, path: str, **named: Any) -> Any:
        import datasets

        def load() -> Any:
            self.count += 1
            return datasets.load_dataset(path, cache_dir=str(self.folder / "cache"), **named)

        return self.cache.load({"path": path, **named}, load)


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    return Loads(tmp_path)


def table(folder: Path, rows: int, word: str = "a", name: str = "data.jsonl") -> dict[str, str]:
    """Data files of a dataset with so many rows."""
    file = folder / name
    file.write_text("".join(f'{{"text": "{word}{number}"}}\n' for number in range(rows)))
    return {"test": str(file)}


def test_a_dataset_is_loaded_once(loads: Loads, tmp_path: Path) -> None:
    files = table(tmp_path, 3)
    first, second = (loads("json", data_files=files) for _ in range(2))
    assert loads.count == 1
    assert first["test"].to_list() == second["test"].to_list() == [{"text": f"a{number}"} for number in range(3)]


def test_what_an_evaluation_does_to_it_no_other_sees(loads: Loads, tmp_path: Path) -> None:
    files = table(tmp_path, 3)
    first = loads("json", data_files=files)
    first["test"].set_format("numpy")
    first["test"][0]["text"] = "changed"
    first["test"].info.description = "changed"
    first["more"] = first.pop("test").map(lambda doc: {"text": doc["text"] * 2})
    second = loads("json", data_files=files)
    assert list(second) == ["test"]
    assert second["test"].format["type"] is None
    assert second["test"].info.description == ""
    assert second["test"][0] == {"text": "a0"}


@pytest.mark.parametrize("keep_time", [False, True], ids=["", "with the time of before"])
def test_another_file_is_loaded(loads: Loads, tmp_path: Path, keep_time: bool) -> None:
    files = table(tmp_path, 3, "a")
    loads("json", data_files=files)
    before = Path(files["test"]).stat()
    table(tmp_path, 3, "b")
    if keep_time:
        os.utime(files["test"], ns=(before.st_atime_ns, before.st_mtime_ns))
    loads("json", data_files=files)
    assert loads.count == 2  # that datasets itself may take it for the same is its own matter
    loads("json", data_files=files)
    assert loads.count == 2


def test_a_file_that_comes_into_a_folder_is_noticed(loads: Loads, tmp_path: Path) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    table(folder, 2, name="one.jsonl")
    assert len(loads("json", data_dir=str(folder))["train"]) == 2
    loads("json", data_dir=str(folder))
    assert loads.count == 1
    table(folder, 3, "b", name="two.jsonl")
    assert len(loads("json", data_dir=str(folder))["train"]) == 5


def test_different_questions_have_different_answers(loads: Loads, tmp_path: Path) -> None:
    files = table(tmp_path, 4)
    assert len(loads("json", data_files=files, split="test")) == 4
    assert len(loads("json", data_files=files, split="test[:2]")) == 2
    assert loads.count == 2


def test_a_stream_is_never_kept(loads: Loads, tmp_path: Path) -> None:
    files = table(tmp_path, 3)
    for _ in range(2):
        assert [doc["text"] for doc in loads("json", data_files=files, streaming=True)["test"]] == ["a0", "a1", "a2"]
    assert loads.count == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "lmms-lab/MME"},
        {"path": "lmms-lab/MME", "revision": "main"},
        {"path": "lmms-lab/MME", "data_files": {"test": "data/test.parquet"}},
        {"path": "parquet", "data_files": "https://example.org/test.parquet"},
        {"path": "parquet", "data_files": "*.parquet"},
        {"path": "json", "data_files": "HERE", "trust_remote_code": True},
        {"path": "json", "data_files": "HERE", "download_mode": "force_redownload"},
        {"path": "CODE"},
    ],
    ids=str,
)
def test_data_of_unknown_identity_are_not_kept(arguments: dict[str, Any], tmp_path: Path) -> None:
    here = table(tmp_path, 1)["test"]
    code = tmp_path / "with_code"
    code.mkdir()
    (code / "with_code.py").write_text("")
    places = {"HERE": here, "CODE": str(code)}
    assert file_states({name: places.get(str(value), value) for name, value in arguments.items()}) is None


def test_data_of_the_hub_are_known_by_their_commit() -> None:
    assert file_states({"path": "lmms-lab/MME", "revision": "0123456789" * 4}) == []


def test_the_oldest_goes_when_there_are_too_many(loads: Loads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_cache, "MOST_DATASETS", 2)
    tables = [table(tmp_path, rows, name=f"{rows}.jsonl") for rows in (1, 2, 3)]
    for files in (*tables, tables[0]):
        loads("json", data_files=files)
    assert loads.count == 4
    loads("json", data_files=tables[2])
    assert loads.count == 4


def test_what_takes_too_much_memory_is_not_kept(loads: Loads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = table(tmp_path, 1000)
    monkeypatch.setattr(dataset_cache, "MOST_BYTES", 1000)
    for _ in range(2):
        loads("json", data_files=files, keep_in_memory=None)
    assert loads.count == 1  # mapped from the disk, it takes none

    def in_memory() -> Any:
        import datasets

        loads.count += 1
        return datasets.load_dataset("json", data_files=files, keep_in_memory=True)

    for _ in range(2):
        loads.cache.load({"path": "json", "data_files": files, "split": "test"}, in_memory)
    assert loads.count == 3
