"""A LLaVA model small enough to train on a CPU in minutes."""

from typing import Any

from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from jupyter_lmms_eval.demo.dataset import DIGIT, KINDS, NUMBER, Kind
from jupyter_lmms_eval.demo.tokenizer import train_tokenizer
from jupyter_lmms_eval.demo.training import Recipe, Student

RECIPE = Recipe(steps=2000, schedule=(DIGIT, NUMBER))

# Nine patches of 8 x 8 pixels. A picture of three digits is squeezed to a square, so that each of its digits
# fills a column of three patches.
_IMAGE_SIZE = 24
_PATCH_SIZE = 8
# transformers' default of 0.02 is meant for wide models; one this narrow hardly starts to learn with it.
_INITIAL_SPREAD = 0.06

# `trim`: lmms-eval puts a space before an answer whose likelihood it asks for, and the template has one already.
_CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | upper }}: "
    "{% if message['content'] is string %}{{ message['content'] | trim }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}</s>{% else %}\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT: {% endif %}"
)


def new_student() -> Student:
    """Make an untrained LLaVA.

    Returns
    -------
    Student
        The model with random weights, and its processor.
    """
    tokenizer = _tokenizer()
    processor = _processor(tokenizer)
    model = LlavaForConditionalGeneration(_config(tokenizer))
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id

    def contexts(kind: Kind) -> list[str]:
        content = [{"type": "image"}, {"type": "text", "text": kind.prompt}]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        return [processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)]

    return Student(model, processor, contexts)


def _tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(
        corpus=[f"SYSTEM: USER: \n{kind.prompt}\nASSISTANT: " for kind in KINDS] * 50,
        special_tokens=["<pad>", "<s>", "</s>", "<unk>", "<image>"],
        roles={"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
        media_tokens={"image_token": "<image>"},
        chat_template=_CHAT_TEMPLATE,
    )


def _processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    size = {"height": _IMAGE_SIZE, "width": _IMAGE_SIZE}
    image_processor = CLIPImageProcessor(
        size=size, crop_size=size, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=_PATCH_SIZE,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # CLIP's class token, which the strategy above drops again
        chat_template=_CHAT_TEMPLATE,
    )


def _config(tokenizer: PreTrainedTokenizerFast) -> LlavaConfig:
    vision = CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=_IMAGE_SIZE,
        patch_size=_PATCH_SIZE,
        projection_dim=64,
        initializer_range=_INITIAL_SPREAD,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
        initializer_range=_INITIAL_SPREAD,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=(_IMAGE_SIZE // _PATCH_SIZE) ** 2,
    )
