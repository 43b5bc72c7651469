"""A model with other weights is another model; with another batch size it is the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_lmms_eval.runner.instruments import model_digest
from jupyter_lmms_eval.runner.weights import fingerprint_of_arguments, weights_fingerprint


def overwrite(file: Path, content: bytes) -> None:
    """Copy other weights over a file as ``rsync -a`` does: same name, same size, same time."""
    status = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("argument", ["pretrained", "peft", "delta", "model", "model_path", "ckpt"])
def test_a_folder_that_is_overwritten_is_another_model(tmp_path: Path, argument: str) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(3 << 20))
    arguments = {argument: str(tmp_path)}
    first = model_digest("m", arguments, "chat")
    assert model_digest("m", arguments, "chat") == first
    overwrite(weights, bytes(2 << 20) + bytes([1]) * (1 << 20))
    assert model_digest("m", arguments, "chat") != first


def test_a_file_of_weights_counts_and_other_files_do_not(tmp_path: Path) -> None:
    (tmp_path / "adapter.pt").write_bytes(b"1")
    (tmp_path / "notes.txt").write_bytes(b"1")
    (tmp_path / "cache").mkdir()
    arguments = {
        "ckpt": tmp_path / "adapter.pt",
        "notes": str(tmp_path / "notes.txt"),
        "cache_dir": str(tmp_path / "cache"),
        "fps": 2,
        "broken": "a\0b",
        "long": "x" * 10_000,
        "nobody": "~nobody-at-all/model",
    }
    assert list(fingerprint_of_arguments(arguments)) == ["ckpt"]


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    refs = tmp_path / "models--org--name" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("1111")
    (refs / "v2").write_text("2222")
    return refs


def test_a_model_of_the_hub_is_known_by_its_commit(hub_cache: Path) -> None:
    assert weights_fingerprint("org/name") == "1111"
    assert fingerprint_of_arguments({"pretrained": "org/name", "revision": "v2"}) == {"pretrained": "2222"}
    before = model_digest("m", {"pretrained": "org/name"}, "chat")
    (hub_cache / "main").write_text("3333")
    assert model_digest("m", {"pretrained": "org/name"}, "chat") != before


@pytest.mark.parametrize("name", [None, "", "org/other", "name", "org/name/more", "../x", "a b", "~"])
def test_a_name_that_nobody_has_downloaded_has_no_fingerprint(hub_cache: Path, name: str | None) -> None:
    assert weights_fingerprint(name) == ""


def test_half_the_batch_finds_the_answers_of_the_whole() -> None:
    first = model_digest("m", {"fps": 1, "batch_size": 8, "max_batch_size": 8, "batch_size_per_gpu": 8}, "chat")
    assert model_digest("m", {"fps": 1, "batch_size": 4}, "chat") == first
    assert model_digest("m", {"fps": 2, "batch_size": 4}, "chat") != first
