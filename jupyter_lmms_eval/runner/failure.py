"""Says of an exception why the evaluation failed and what to do about it; pure, by names, without heavy imports."""

from __future__ import annotations

import errno
import re
import signal
import traceback as tracebacks
from collections.abc import Sequence

from ..protocol.jobs import Failure, FailureCause
from ..protocol.redaction import redact
from ..protocol.run import EXIT_DISK_FULL

_LONGEST_MESSAGE = 4_000
_LONGEST_TRACEBACK = 20_000

_Rule = tuple[FailureCause, frozenset[str], re.Pattern[str] | None, str]


def _rule(cause: FailureCause, names: str, message: str, advice: str) -> _Rule:
    return cause, frozenset(names.split()), re.compile(message, re.IGNORECASE) if message else None, advice


# What a GPU and its software say, also in the log of a process that an engine started.
_GPU_RULES: tuple[_Rule, ...] = (
    _rule(
        FailureCause.OUT_OF_MEMORY,
        "",
        r"free memory on device .*on startup is less than desired gpu memory",
        "Others use the GPU's memory: ask for less of it, by gpu_memory or by gpu_memory_utilization in model_args.",
    ),
    _rule(
        FailureCause.OUT_OF_MEMORY,
        "",
        r"larger than the available kv cache memory|no available memory for the cache blocks"
        r"|not enough memory\. please try to increase --mem-fraction-static",
        "The model leaves too little memory for its answers: lower max_model_len (context_length) in model_args, or "
        "give it more of the GPU, by gpu_memory or by gpu_memory_utilization in model_args.",
    ),
    _rule(
        FailureCause.OUT_OF_MEMORY,
        "OutOfMemoryError MemoryError",
        # Close together: vLLM's hint at what to do "if you are running out of memory" also names CUDA, further away.
        r"\b(?:cuda|hip)\w*\b.{0,30}\bout of memory|\bcu[a-z]+_(?:status_)?alloc_failed"
        r"|can't allocate memory|cannot allocate memory|defaultcpuallocator: not enough memory|enough gpu ram",
        "Use a smaller batch_size, fewer or smaller images, a smaller model, or a device with more free memory.",
    ),
    _rule(
        FailureCause.DEVICE,
        "",
        r"no cuda gpus are available|no cuda-capable device is detected|uncorrectable (?:ecc|nvlink) error|gpu is lost"
        r"|fallen off the bus|cuda-capable device\(s\) is/are busy or unavailable",
        "The device failed, not the job: nvidia-smi and the kernel's log (dmesg) say more; it may have to be reset.",
    ),
    _rule(
        FailureCause.MISSING_PACKAGE,
        "",
        r"nvidia driver on your system|torch not compiled with cuda enabled|cuda driver version is insufficient"
        r"|no kernel image is available for execution",
        "Where the server runs, install a torch that fits the GPU and its driver, or a newer NVIDIA driver.",
    ),
)

# The first rule whose class name (over the bases) or message fits decides.
_RULES: tuple[_Rule, ...] = (
    *_GPU_RULES,
    _rule(
        FailureCause.ERROR,
        "NothingComplete",
        "",
        "Nothing was scored; the answers are kept, and another attempt goes on from them.",
    ),
    _rule(
        FailureCause.MISSING_DATA,
        "GatedRepoError",
        r"gated repo|is a gated|access to (?:model|dataset) .* is restricted|ask for access",
        "Ask for access on the repository's page on huggingface.co, then give the server a token (HF_TOKEN).",
    ),
    _rule(
        FailureCause.MISSING_DATA,
        "OfflineModeIsEnabled LocalEntryNotFoundError",
        r"offline mode is enabled|hf_hub_offline|outgoing traffic has been disabled",
        "Download the data or the model before, or start the server with network access (HF_HUB_OFFLINE=0).",
    ),
    _rule(
        FailureCause.MISSING_DATA,
        "RepositoryNotFoundError RevisionNotFoundError EntryNotFoundError DatasetNotFoundError DataFilesNotFoundError "
        "EmptyDatasetError",
        r"couldn't find|repo id must be in the form"
        r"|doesn't exist on the hub|couldn't reach .* on the hub|is not a local folder and is not a valid"
        r"|couldn't connect to '?https://huggingface\.co|unable to load weights|no such file or directory.*"
        r"(?:safetensors|config\.json)",
        "Check the path or the repository's name, and that this machine can reach it.",
    ),
    _rule(
        FailureCause.TIMEOUT,
        "TimeoutError Timeout ReadTimeout ConnectTimeout APITimeoutError DistStoreError",
        r"timed? ?out",
        "Try again; if a service or another rank is slow, give it more time.",
    ),
    _rule(FailureCause.MISSING_DATA, "FileNotFoundError", "", "Check that the file exists on the server's machine."),
    _rule(
        FailureCause.MISSING_DATA,
        "ConnectionError ConnectError HfHubHTTPError MaxRetryError",
        r"max retries exceeded|name or service not known|temporary failure in name resolution",
        "Check the network of the server's machine, or download what is needed before.",
    ),
    _rule(
        FailureCause.BAD_INPUT,
        "",
        r"tasks? not found|not found in available models|no tasks specified|fewshot_as_multiturn|limit must be"
        r"|invalid device|does not support|not supported|unrecognized model|got multiple values for",
        "Correct the request; /tasks and /models list the names.",
    ),
    _rule(
        FailureCause.BAD_INPUT,
        "",
        r"messages is used for generation only",
        "The task compares given answers, which a chat adapter cannot do: set force_simple.",
    ),
    _rule(
        FailureCause.BAD_INPUT,
        "",
        r"unexpected kwargs|unknown model_args|(?:__init__|from_pretrained)\(\).*(?:argument|missing)",
        "Correct model_args: the model's constructor does not take them so.",
    ),
    _rule(
        FailureCause.BAD_INPUT,
        "NotImplementedError",
        "",
        "This model cannot do what the task asks; choose another model, adapter (force_simple) or task.",
    ),
)

# An engine in processes of its own (vLLM, SGLang) says only that they ended; what they died of they wrote to the log.
_TOLD_ELSEWHERE = re.compile(
    r"engine core initialization failed|enginecore encountered an issue|see (?:the )?(?:root cause|stack trace)"
    r"|scheduler died during initialization",
    re.IGNORECASE,
)

_DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_FULL = re.compile(r"no space left on device|disk quota exceeded|disk is full", re.IGNORECASE)
_SHARED_MEMORY = re.compile(r"/dev/shm|</torch_", re.IGNORECASE)  # noqa: S108  (a pattern, not a file to use)
_DISK_FULL_ADVICE = "Free space on the server's disk and try again; what was answered is kept."
_SHARED_MEMORY_ADVICE = "Shared memory (/dev/shm) is full: give the container more of it, then try again."

_PACKAGE_OF_MODULE = {
    "lmms_eval": '"jupyter_lmms_eval[eval]"',
    "torch": '"jupyter_lmms_eval[eval]"',
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "qwen_vl_utils": "qwen-vl-utils",
    "flash_attn": "flash-attn",
    "Levenshtein": "levenshtein",
    "llava": "git+https://github.com/LLaVA-VL/LLaVA-NeXT.git",
}
_PIP = re.compile(r"pip3? install ((?:-U |--upgrade )?[\w.\-\[\]=<>~/:+@]+)")


def root_cause(error: BaseException) -> BaseException:
    """The exception that matters: what a retry gave up on, or what an import error was caused by."""
    seen = {id(error)}
    while True:
        inner: BaseException | None = None
        attempt = getattr(error, "last_attempt", None)
        if attempt is not None:
            try:
                inner = attempt.exception()
            except BaseException:  # noqa: BLE001  (a cancelled attempt has none)
                inner = None
        elif type(error) in (RuntimeError, Exception, ImportError) and error.__cause__ is not None:
            inner = error.__cause__
        if inner is None or id(inner) in seen:
            return error
        seen.add(id(inner))
        error = inner


def disk_full(error: BaseException) -> BaseException | None:
    """Find the exception that says that a disk, or the user's share of it, is full.

    Parameters
    ----------
    error
        What was raised; what it was raised from or during, and what it groups, is searched too.

    Returns
    -------
    BaseException or None
        The first that says so, from the outside; none if no one does.
    """
    open_ends: list[BaseException | None] = [error]
    seen: set[int] = set()
    while open_ends:
        link = open_ends.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        if (isinstance(link, OSError) and link.errno in _DISK_FULL_ERRNOS) or _DISK_FULL.search(str(link)):
            return link
        inner = root_cause(link)
        context = None if link.__suppress_context__ else link.__context__
        members = getattr(link, "exceptions", ())
        open_ends += [*(members if isinstance(members, tuple) else ()), context, link.__cause__, inner]
    return None


def classify(error: BaseException) -> tuple[FailureCause, str]:
    """Why an evaluation failed, and what to do about it.

    Parameters
    ----------
    error
        The exception; a retry's wrapper is looked through.

    Returns
    -------
    tuple
        The cause and one sentence of advice.
    """
    if full := disk_full(error):
        return FailureCause.DISK_FULL, (
            _SHARED_MEMORY_ADVICE if _SHARED_MEMORY.search(str(full)) else _DISK_FULL_ADVICE
        )
    error = root_cause(error)
    names = {base.__name__ for base in type(error).__mro__}
    message = str(error)
    if isinstance(error, ImportError):
        return FailureCause.MISSING_PACKAGE, _install_advice(error)
    if isinstance(error, SystemExit):
        return FailureCause.CRASH, "The model or a task ended the process; the log says why."
    for cause, classes, pattern, advice in _RULES:
        if names & classes or (pattern is not None and pattern.search(message)):
            return cause, advice
    return FailureCause.ERROR, "The traceback and the log show where it happened."


def _install_advice(error: ImportError) -> str:
    if told := _PIP.search(str(error)):
        return f"Install it where the server runs: pip install {told.group(1).rstrip('.')}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.split(".")[0]
        return f"Install it where the server runs: pip install {_PACKAGE_OF_MODULE.get(module, module)}"
    return "A package is missing or its version does not fit; install what the message names."


def failure_of(error: BaseException, secrets: Sequence[str] = (), log_path: str | None = None) -> Failure:
    """Describe an exception for people, without secrets.

    Parameters
    ----------
    error
        What was raised.
    secrets
        Values that must not appear.
    log_path
        Where the log is.
    """
    real = disk_full(error) or root_cause(error)
    cause, advice = classify(real)
    message = str(real).strip() or type(real).__name__
    if isinstance(real, SystemExit):
        message = f"the evaluation called sys.exit({real.code!r})"
    text = "".join(tracebacks.format_exception(type(real), real, real.__traceback__))
    return Failure(
        cause=cause,
        type=type(real).__name__,
        message=_middle_out(redact(message, secrets), _LONGEST_MESSAGE),
        advice=advice,
        traceback=_middle_out(redact(text, secrets), _LONGEST_TRACEBACK),
        log_path=log_path,
    )


def told_elsewhere(failure: Failure) -> bool:
    """Whether an exception only says that another process failed, which told its reason to the log."""
    return failure.type == "EngineDeadError" or _TOLD_ELSEWHERE.search(failure.message) is not None


def failure_told_in(log: str, failure: Failure) -> Failure:
    """Describe a failure by what the log says of it.

    Only what GPUs say is looked for: other words that mean something in an exception may stand in any log.

    Parameters
    ----------
    log
        The end of the attempt's log.
    failure
        What the exception said; it stays where the log does not know better.
    """
    for cause, _, pattern, advice in _GPU_RULES:
        if pattern is not None and (found := pattern.search(log)):
            line = log[log.rfind("\n", 0, found.start()) + 1 :].partition("\n")[0].strip()
            message = _middle_out(f"{line}\n{failure.message}", _LONGEST_MESSAGE)
            return failure.model_copy(update={"cause": cause, "advice": advice, "message": message})
    return failure


def _middle_out(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n... [{len(text) - 2 * half} characters left out] ...\n{text[-half:]}"


def failure_of_exit(code: int, last_lines: Sequence[str] = (), log_path: str | None = None) -> Failure:
    """Describe a process that ended without saying how.

    Parameters
    ----------
    code
        Its exit code as ``subprocess`` gives it: negative for a signal.
    last_lines
        The end of its log.
    log_path
        Where the log is.
    """
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        message = f"the evaluation process was killed by {name}"
        advice = _SIGNAL_ADVICE.get(name, "The end of the log may show why.")
    else:
        name = "ProcessExit"
        message = f"the evaluation process ended with exit code {code} without a result"
        advice = "The end of the log may show why."
    tail = "\n".join(last_lines[-10:])
    cause = FailureCause.CRASH
    if code == EXIT_DISK_FULL and _DISK_FULL.search(tail):
        cause, advice = FailureCause.DISK_FULL, _DISK_FULL_ADVICE
    return Failure(
        cause=cause,
        type=name,
        message=f"{message}\n{tail}" if tail else message,
        advice=advice,
        log_path=log_path,
    )


_SIGNAL_ADVICE = {
    "SIGKILL": "Somebody killed it, or the machine ran out of memory (see the kernel's log): try a smaller batch_size.",
    "SIGSEGV": "A native library crashed: check that torch, its CUDA version and compiled packages fit together.",
    "SIGABRT": "A native library gave up; the end of the log usually says why.",
    "SIGBUS": "Shared memory may be full (/dev/shm); give the container more of it.",
    "SIGTERM": "Somebody asked it to end.",
}
