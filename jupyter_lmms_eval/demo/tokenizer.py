"""A small tokenizer, trained on the demonstration's few prompts."""

from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY_SIZE = 384


def train_tokenizer(
    corpus: Sequence[str],
    special_tokens: Sequence[str],
    roles: Mapping[str, str],
    media_tokens: Mapping[str, str],
    chat_template: str,
) -> PreTrainedTokenizerFast:
    """Make a byte-level BPE tokenizer: any text can be written, the prompts are written briefly.

    Parameters
    ----------
    corpus : sequence of str
        The texts to write briefly.
    special_tokens : sequence of str
        Tokens that are never split; they get the first ids, in this order.
    roles : mapping of str to str
        Which special token is `pad_token`, `eos_token` and so on.
    media_tokens : mapping of str to str
        The special tokens that stand for pictures and videos, by the names their processor asks for.
    chat_template : str
        How messages become one text.

    Returns
    -------
    PreTrainedTokenizerFast
        The tokenizer, padding on the left as generation needs it.
    """
    tokenizer = Tokenizer(models.BPE())
    # Every digit is a token of its own, whatever stands before it: the prompt's tokens are then a prefix of
    # those of prompt and answer, on which scoring a continuation by its likelihood depends.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        extra_special_tokens=dict(media_tokens),
        chat_template=chat_template,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
        **roles,
    )
