"""Decides how many requests a model gets at once; pure."""

from __future__ import annotations

from dataclasses import dataclass

_GROWTH = 4
_GROWTH_CONCURRENT = 16
_FIRST_BATCHES = 2
_FIRST_CONCURRENT = 64
# Between two chunks an engine that works on many requests at once runs dry; longer chunks make that rare.
_CONCURRENT_PATIENCE = 8
_FIXED_BATCHES = 16
_LARGEST = 1 << 20

# Model modules that hand their requests to an engine or a service many at a time.
_CONCURRENT = frozenset({
    "aero_realtime_vllm", "async_hf_model", "async_openai", "claude", "fastvideo", "gemini", "generation_api",
    "gpt4o_audio", "gpt4v", "litellm", "llava_sglang", "openai", "qwen_vl_api", "reka", "sglang", "srt_api", "vllm",
    "vllm_generate", "whisper_vllm",
})  # fmt: skip
# Model modules that want to see everything at once: they upload one file of requests.
_WHOLE = frozenset({"batch_gpt4", "from_log"})


def next_chunk_size(
    previous_size: int, seconds: float, target_seconds: float, batch_size: int, growth: int = _GROWTH
) -> int:
    """Size of the next chunk.

    Parameters
    ----------
    previous_size
        Requests in the chunk before.
    seconds
        How long it took.
    target_seconds
        How long one should take.
    batch_size
        Requests the model computes together; chunks are multiples of it.
    growth
        How many times larger it may be than the one before.

    Returns
    -------
    int
        At least one batch.
    """
    most = previous_size * growth
    wanted = most if seconds <= 0 else int(min(most, previous_size * target_seconds / seconds))
    return max(1, min(wanted, _LARGEST) // batch_size) * batch_size


@dataclass
class ChunkSizes:
    """The sizes of successive chunks.

    Parameters
    ----------
    batch_size
        Requests the model computes together.
    target_seconds
        How long a chunk should take.
    concurrent
        Whether the model works on many requests at once.
    fixed
        A size that never changes: ranks that wait for each other need equal chunks.
    """

    batch_size: int = 1
    target_seconds: float = 2.0
    concurrent: bool = False
    fixed: int | None = None

    def __post_init__(self) -> None:
        first = _FIRST_CONCURRENT if self.concurrent else _FIRST_BATCHES * self.batch_size
        self.size = self.fixed or -(-first // self.batch_size) * self.batch_size

    def took(self, size: int, seconds: float) -> None:
        """Learn from a chunk."""
        if self.fixed is None:
            target = self.target_seconds * (_CONCURRENT_PATIENCE if self.concurrent else 1)
            growth = _GROWTH_CONCURRENT if self.concurrent else _GROWTH
            self.size = next_chunk_size(size, seconds, target, self.batch_size, growth)


def sizes_for(model_module: str, batch_size: int, ranks: int, target_seconds: float) -> ChunkSizes:
    """Choose how a model is fed.

    Parameters
    ----------
    model_module
        Module of the model's class.
    batch_size
        Requests the model computes together.
    ranks
        Processes that share the samples.
    target_seconds
        How long a chunk should take.
    """
    name = model_module.rpartition(".")[2]
    concurrent = name in _CONCURRENT
    fixed: int | None = None
    if name in _WHOLE:
        fixed = _LARGEST
    elif ranks > 1:
        fixed = batch_size * (_FIXED_BATCHES if not concurrent else max(1, 4 * _FIRST_CONCURRENT // batch_size))
    return ChunkSizes(batch_size, target_seconds, concurrent, fixed)
