"""Exceptions are told as what they mean for the one who asked for the evaluation."""

from __future__ import annotations

import concurrent.futures
import errno
import sqlite3

import pytest

from jupyter_lmms_eval.protocol.jobs import FailureCause
from jupyter_lmms_eval.protocol.run import EXIT_DISK_FULL
from jupyter_lmms_eval.runner.failure import classify, disk_full, failure_of, failure_of_exit, root_cause


def named(name: str, message: str = "", *bases: type[BaseException]) -> BaseException:
    """An exception of a library that is not installed here."""
    error: BaseException = type(name, bases or (RuntimeError,), {})(message)
    return error


@pytest.mark.parametrize(
    ("error", "cause", "advice"),
    [
        (named("OutOfMemoryError", "CUDA out of memory. Tried to allocate"), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (MemoryError(), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (ModuleNotFoundError("No module named 'flash_attn'", name="flash_attn"), FailureCause.MISSING_PACKAGE,
         "pip install flash-attn"),
        (ModuleNotFoundError("No module named 'a.b'", name="a.b"), FailureCause.MISSING_PACKAGE, "pip install a"),
        (ImportError("please run `pip install qwen-vl-utils`"), FailureCause.MISSING_PACKAGE,
         "pip install qwen-vl-utils"),
        (named("GatedRepoError", "401", named("RepositoryNotFoundError").__class__), FailureCause.MISSING_DATA,
         "access"),
        (named("RepositoryNotFoundError", "404"), FailureCause.MISSING_DATA, "name"),
        (named("DatasetNotFoundError", "Dataset 'x' doesn't exist", FileNotFoundError), FailureCause.MISSING_DATA,
         "name"),
        (named("OfflineModeIsEnabled", "Cannot reach", ConnectionError), FailureCause.MISSING_DATA, "network"),
        (OSError("We couldn't connect to 'https://huggingface.co' to load"), FailureCause.MISSING_DATA, "reach"),
        (FileNotFoundError(2, "No such file or directory", "x.mp4"), FailureCause.MISSING_DATA, "file exists"),
        (ValueError("Tasks not found: mmme"), FailureCause.BAD_INPUT, "/tasks"),
        (ValueError("Model 'x' not found in available models: a"), FailureCause.BAD_INPUT, "/models"),
        (TypeError("Qwen.__init__() got an unexpected keyword argument 'x'"), FailureCause.BAD_INPUT, "model_args"),
        (AssertionError("Unexpected kwargs: {'x': 1}"), FailureCause.BAD_INPUT, "model_args"),
        (AssertionError("Currently messages is used for generation only"), FailureCause.BAD_INPUT, "force_simple"),
        (NotImplementedError("TODO"), FailureCause.BAD_INPUT, "adapter"),
        (TimeoutError("the read timed out"), FailureCause.TIMEOUT, "again"),
        (OSError(errno.ENOSPC, "No space left on device"), FailureCause.DISK_FULL, "answered is kept"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/home/me/x"), FailureCause.DISK_FULL, "try again"),
        (named("ArrowIOError", "[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"),
         FailureCause.DISK_FULL, "Free space"),
        (named("SafetensorError", "Error while serializing: I/O error: No space left on device (os error 28)"),
         FailureCause.DISK_FULL, "Free space"),
        (sqlite3.OperationalError("database or disk is full"), FailureCause.DISK_FULL, "Free space"),
        (RuntimeError("unable to write to file </torch_77_1>: No space left on device (28)"), FailureCause.DISK_FULL,
         "/dev/shm"),
        (named("NothingComplete", "not a single sample"), FailureCause.ERROR, "goes on"),
        (SystemExit(1), FailureCause.CRASH, "log"),
        (KeyError("answer"), FailureCause.ERROR, "traceback"),
    ],
)  # fmt: skip
def test_causes(error: BaseException, cause: FailureCause, advice: str) -> None:
    got, told = classify(error)
    assert got == cause
    assert advice in told


def test_a_full_disk_is_found_behind_other_errors() -> None:
    def write() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/x.arrow")

    def generate(wrap: bool) -> None:
        try:
            write()
        except OSError as error:
            if wrap:
                raise KeyError("An error occurred while generating the dataset") from error
            raise KeyError("and then this happened") from None

    with pytest.raises(KeyError) as wrapped:
        generate(wrap=True)
    failure = failure_of(wrapped.value)
    assert failure.cause == FailureCause.DISK_FULL
    assert "No space left on device: '/data/x.arrow'" in failure.message
    with pytest.raises(KeyError) as hidden:
        generate(wrap=False)
    assert failure_of(hidden.value).cause == FailureCause.ERROR


def test_a_circle_of_errors_has_an_end() -> None:
    first, second = ValueError("one"), ValueError("two")
    first.__context__, second.__cause__ = second, first
    assert disk_full(first) is None


def test_a_retry_is_looked_through() -> None:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    future.set_exception(MemoryError("too big"))
    retry = named("RetryError", "RetryError[<Future>]")
    vars(retry)["last_attempt"] = future
    assert isinstance(root_cause(retry), MemoryError)
    assert failure_of(retry).type == "MemoryError"


def test_a_wrapped_import_error_is_looked_through() -> None:
    outer = ImportError("Failed to import function 'f'")
    outer.__cause__ = ModuleNotFoundError("No module named 'spacy'", name="spacy")
    assert "pip install spacy" in classify(outer)[1]


def test_a_failure_holds_no_secret() -> None:
    try:
        raise ValueError("cannot log in with sesame-open")
    except ValueError as error:
        failure = failure_of(error, ["sesame-open"], "/log.txt")
    assert "sesame" not in failure.model_dump_json()
    assert failure.message == "cannot log in with [redacted]"
    assert "Traceback" in failure.traceback
    assert failure.log_path == "/log.txt"


@pytest.mark.parametrize(
    ("code", "type_", "words"),
    [
        (-9, "SIGKILL", ["out of memory", "last words"]),
        (-11, "SIGSEGV", ["torch"]),
        (3, "ProcessExit", ["exit code 3"]),
        (-250, "signal 250", []),
    ],
)
def test_a_silent_end(code: int, type_: str, words: list[str]) -> None:
    failure = failure_of_exit(code, ["first", "last words"])
    assert failure.type == type_
    assert failure.cause == FailureCause.CRASH
    for word in words:
        assert word in f"{failure.message} {failure.advice}"


def test_a_rank_that_could_not_write_its_outcome_names_the_full_disk() -> None:
    told = "the outcome (ok) could not be written: [Errno 28] No space left on device"
    assert failure_of_exit(EXIT_DISK_FULL, [told]).cause == FailureCause.DISK_FULL
    told = "the outcome (ok) could not be written: [Errno 13] Permission denied"
    failure = failure_of_exit(EXIT_DISK_FULL, [told])
    assert failure.cause == FailureCause.CRASH
    assert "Permission denied" in failure.message
