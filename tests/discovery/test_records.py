"""Records on disk: private, whole, and read with suspicion."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_lmms_eval.discovery import read_records, record_path, remove_record, write_record
from jupyter_lmms_eval.discovery.records import read_record
from jupyter_lmms_eval.protocol.server import ServerRecord

Make = Callable[..., ServerRecord]


def test_a_record_comes_back_as_it_was_written(make_record: Make) -> None:
    record = make_record("abc", os.getpid(), kernel_id="k", notebook="n.ipynb")
    path = write_record(record)
    assert path == record_path("abc")
    assert path.name == "lmms-eval-server-abc.json"
    assert read_records() == [record]


def test_a_record_and_its_directory_are_private(make_record: Make, runtime: Path) -> None:
    old_mask = os.umask(0)
    try:
        path = write_record(make_record("abc", os.getpid()))
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


def test_nothing_is_left_of_a_write_that_failed(
    make_record: Make, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_record(make_record("abc", os.getpid()))
    assert list(runtime.iterdir()) == []


def test_a_reader_never_sees_half_a_record(make_record: Make) -> None:
    record = make_record("abc", os.getpid(), notebook="n" * 200_000)
    write_record(record)
    over = threading.Event()

    def rewrite() -> None:
        for _ in range(200):
            write_record(record)
        over.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    while not over.is_set():
        assert read_record(record_path("abc")) == record
    writer.join()


def test_unknown_keys_are_ignored_and_missing_ones_are_not(make_record: Make) -> None:
    path = write_record(make_record("abc", os.getpid()))
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"of_a_later_version": {"a": 1}}))
    assert [record.id for record in read_records()] == ["abc"]
    del content["create_time"]
    path.write_text(json.dumps(content))
    assert read_records() == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"id": "abc", ', b"[]", b"\xff\xfe", b"null", b'{"id": "abc"}'])
def test_a_broken_record_is_skipped_and_left_alone(content: bytes, make_record: Make) -> None:
    write_record(make_record("good", os.getpid()))
    broken = record_path("abc")
    broken.write_bytes(content)
    assert [record.id for record in read_records()] == ["good"]
    assert broken.read_bytes() == content


def test_a_record_that_others_may_write_is_not_believed(make_record: Make) -> None:
    path = write_record(make_record("abc", os.getpid()))
    path.chmod(0o622)
    assert read_records() == []
    path.chmod(0o644)
    assert len(read_records()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_record_of_another_user_is_not_believed(make_record: Make) -> None:
    path = write_record(make_record("abc", os.getpid()))
    os.chown(path, 12345, -1)
    assert read_records() == []


def test_a_copy_under_another_name_is_not_a_second_server(make_record: Make) -> None:
    path = write_record(make_record("abc", os.getpid()))
    copy = path.with_name("lmms-eval-server-copy.json")
    copy.write_text(path.read_text())
    copy.chmod(0o600)
    assert len(read_records()) == 1


@pytest.mark.parametrize("server_id", ["", "../abc", "a/b", "a b", "a" * 129, "a\n"])
def test_an_id_cannot_name_a_file_elsewhere(server_id: str) -> None:
    with pytest.raises(ValueError, match="a server id consists of"):
        record_path(server_id)


def test_removing_twice_is_fine(make_record: Make) -> None:
    write_record(make_record("abc", os.getpid()))
    remove_record("abc")
    remove_record("abc")
    assert read_records() == []


def test_no_directory_means_no_records() -> None:
    assert read_records() == []
