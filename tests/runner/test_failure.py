"""Exceptions are told as what they mean for the one who asked for the evaluation."""

from __future__ import annotations

import concurrent.futures
import errno
import sqlite3
from pathlib import Path

import pytest

from jupyter_lmms_eval.protocol.jobs import FailureCause
from jupyter_lmms_eval.protocol.run import EXIT_DISK_FULL
from jupyter_lmms_eval.runner.failure import (
    classify,
    disk_full,
    failure_of,
    failure_of_exit,
    failure_told_in,
    root_cause,
    told_elsewhere,
)
from jupyter_lmms_eval.runner.joblog import JobLog


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
        (named("AcceleratorError", "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
         FailureCause.OUT_OF_MEMORY, "batch_size"),
        (RuntimeError("CUDA driver error: out of memory"), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (RuntimeError("HIP error: out of memory"), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (RuntimeError("Triton Error [CUDA]: out of memory"), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (named("DistBackendError", "NCCL error in: NCCLUtils.cpp:77, unhandled cuda error (run with NCCL_DEBUG=INFO "
               "for details), NCCL version 2.27.5\nncclUnhandledCudaError: Call to CUDA function failed.\n"
               "Last error:\nCuda failure 2 'out of memory'"), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), FailureCause.OUT_OF_MEMORY, "batch_size"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
         FailureCause.OUT_OF_MEMORY, "batch_size"),
        (ValueError("Some modules are dispatched on the CPU or the disk. Make sure you have enough GPU RAM to fit the "
                    "quantized model."), FailureCause.OUT_OF_MEMORY, "smaller model"),
        (ValueError("Free memory on device cuda:0 (12.18/23.56 GiB) on startup is less than desired GPU memory "
                    "utilization (0.92, 21.67 GiB). Decrease GPU memory utilization or reduce GPU memory used by other "
                    "processes."), FailureCause.OUT_OF_MEMORY, "gpu_memory_utilization"),
        (ValueError("To serve at least one request with the models's max seq len (131072), (4.00 GiB KV cache is "
                    "needed, which is larger than the available KV cache memory (0.65 GiB)."),
         FailureCause.OUT_OF_MEMORY, "max_model_len"),
        (RuntimeError("Not enough memory. Please try to increase --mem-fraction-static."), FailureCause.OUT_OF_MEMORY,
         "context_length"),
        (RuntimeError("The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
                      "driver"), FailureCause.MISSING_PACKAGE, "driver"),
        (RuntimeError("No CUDA GPUs are available"), FailureCause.DEVICE, "not the job"),
        (named("AcceleratorError", "CUDA error: uncorrectable ECC error encountered"), FailureCause.DEVICE, "reset"),
        (named("AcceleratorError", "CUDA error: uncorrectable NVLink error detected during the execution"),
         FailureCause.DEVICE, "reset"),
        (named("AcceleratorError", "CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
         FailureCause.DEVICE, "nvidia-smi"),
        (named("NVMLError_GpuIsLost", "GPU is lost"), FailureCause.DEVICE, "dmesg"),
        (RuntimeError("NVRM: Xid (PCI:0000:41:00): 79, GPU has fallen off the bus."), FailureCause.DEVICE, "dmesg"),
        (AssertionError("Torch not compiled with CUDA enabled"), FailureCause.MISSING_PACKAGE, "install a torch"),
        (named("AcceleratorError", "CUDA error: no kernel image is available for execution on the device"),
         FailureCause.MISSING_PACKAGE, "install a torch"),
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


def test_what_torch_itself_raises_is_known() -> None:
    torch = pytest.importorskip("torch")
    full = torch.AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation' in the manual.")
    assert classify(full)[0] == FailureCause.OUT_OF_MEMORY
    assert classify(torch.OutOfMemoryError("Allocation on device"))[0] == FailureCause.OUT_OF_MEMORY
    if not torch.cuda.is_available():
        with pytest.raises((RuntimeError, AssertionError)) as no_driver:
            torch.zeros(1, device="cuda")
        assert classify(no_driver.value)[0] == FailureCause.MISSING_PACKAGE


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


ENGINE_LOG = """\
INFO 10-10 05:34:54 CUDA graphs can take additional 1~3 GiB memory per GPU. If you are running out of memory, consider
(EngineCore pid=81) ERROR 10-10 05:35:01 [core.py:702] EngineCore failed to start.
(EngineCore pid=81) ERROR 10-10 05:35:01 [core.py:702] {}
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {{}}
"""


@pytest.mark.parametrize(
    ("line", "cause", "advice"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", FailureCause.OUT_OF_MEMORY,
         "batch_size"),
        ("ValueError: Free memory on device (5.01/6.0 GiB) on startup is less than desired GPU memory utilization",
         FailureCause.OUT_OF_MEMORY, "gpu_memory"),
        ("RuntimeError: The NVIDIA driver on your system is too old", FailureCause.MISSING_PACKAGE, "driver"),
        ("torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered", FailureCause.DEVICE, "reset"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "said",
    [
        RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}"),
        named("EngineDeadError", "EngineCore encountered an issue. See stack trace (above) for the root cause."),
        RuntimeError("Rank 0 scheduler died during initialization (exit code: -3)."),
    ],
    ids=["start", "dead", "sglang"],
)
def test_what_an_engine_died_of_is_told_by_the_log(
    said: BaseException, line: str, cause: FailureCause, advice: str
) -> None:
    failure = failure_of(said, log_path="/log.txt")
    assert failure.cause == FailureCause.ERROR
    assert told_elsewhere(failure)
    told = failure_told_in(ENGINE_LOG.format(line), failure)
    assert told.cause == cause
    assert advice in told.advice
    assert line in told.message.splitlines()[0], "an attempt is told of by the first line"
    assert str(said) in told.message
    assert (told.type, told.traceback, told.log_path) == (failure.type, failure.traceback, "/log.txt")


def test_a_log_that_does_not_know_better_changes_nothing() -> None:
    failure = failure_of(RuntimeError("Engine core initialization failed. See root cause above."))
    assert failure_told_in(ENGINE_LOG.format("KeyError: 'visual.patch_embed'"), failure) == failure
    assert failure_told_in("", failure) == failure
    assert not told_elsewhere(failure_of(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")))
    assert not told_elsewhere(failure_of(NameError("no such metric here")))


def test_the_end_of_a_log_is_the_attempts_own(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    assert JobLog(path).end(100) == "", "nothing was written"
    path.write_text("CUDA out of memory\n")
    log = JobLog(path)
    assert log.end(100) == ""
    log.write("one\ntwo\n")
    log.close()
    assert log.end(100) == "one\ntwo\n"
    assert log.end(4) == "two\n"
