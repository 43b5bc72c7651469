"""A Qwen2.5-VL model small enough to train on a CPU in minutes."""

from typing import Any

from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from jupyter_lmms_eval.demo.dataset import DIGIT, KINDS, NUMBER, Kind
from jupyter_lmms_eval.demo.tokenizer import train_tokenizer
from jupyter_lmms_eval.demo.training import Recipe, Student

# Fewer numbers than the LLaVA sees: the two models then differ in what they are good at.
RECIPE = Recipe(steps=1800, schedule=(DIGIT, DIGIT, NUMBER))

# At most four image tokens of 28 x 28 pixels: a single digit becomes 2 x 2 tokens; the picture of three
# digits keeps its shape and becomes 3 x 1. The least is low because lmms-eval's simple adapter resizes twice:
# a picture that the first pass made small must not grow again in the second.
_LEAST_PIXELS = 28 * 28
_MOST_PIXELS = 56 * 56
_INITIAL_SPREAD = 0.06  # as in the LLaVA: the default of 0.02 is for wide models

# lmms-eval's chat adapter sends no system message, its simple adapter sends this one.
_SYSTEM_MESSAGE = "You are a helpful assistant."

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]


def new_student() -> Student:
    """Make an untrained Qwen2.5-VL.

    Returns
    -------
    Student
        The model with random weights, and its processor.
    """
    tokenizer = _tokenizer()
    processor = _processor(tokenizer)
    model = Qwen2_5_VLForConditionalGeneration(_config(tokenizer))
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False
    )

    def contexts(kind: Kind) -> list[str]:
        content = [{"type": "image"}, {"type": "text", "text": kind.prompt}]
        alone: list[dict[str, Any]] = [{"role": "user", "content": content}]
        return [
            processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            for messages in (alone, [{"role": "system", "content": _SYSTEM_MESSAGE}, *alone])
        ]

    return Student(model, processor, contexts)


def _tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(
        corpus=[f"system\n{_SYSTEM_MESSAGE}\nuser\n{kind.prompt}\nassistant\n" for kind in KINDS] * 50,
        special_tokens=_SPECIAL_TOKENS,
        roles={"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"},
        media_tokens={"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"},
        chat_template=_CHAT_TEMPLATE,
    )


def _processor(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLProcessor:
    sizes = {
        "min_pixels": _LEAST_PIXELS,
        "max_pixels": _MOST_PIXELS,
        "patch_size": 14,
        "merge_size": 2,
        "temporal_patch_size": 2,
    }
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**sizes),
        chat_template=_CHAT_TEMPLATE,
    )


def _config(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLConfig:
    token_id = tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 320,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        # Of the 16 rotary pairs of a head: 4 for the time, 6 for the row and 6 for the column.
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
        "initializer_range": _INITIAL_SPREAD,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": 96,
        "intermediate_size": 256,
        "num_heads": 4,
        "out_hidden_size": 128,
        "fullatt_block_indexes": [1],
        "window_size": 112,
        "patch_size": 14,
        "initializer_range": _INITIAL_SPREAD,
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=token_id("<|image_pad|>"),
        video_token_id=token_id("<|video_pad|>"),
        vision_start_token_id=token_id("<|vision_start|>"),
        vision_end_token_id=token_id("<|vision_end|>"),
        tie_word_embeddings=False,
        initializer_range=_INITIAL_SPREAD,
    )
