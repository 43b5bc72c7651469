"""Secrets are taken out of a request and put back as they were."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.protocol.jobs import EvaluateRequest
from jupyter_lmms_eval.protocol.redaction import is_secret_name, redact, redact_arguments, scrub
from jupyter_lmms_eval.protocol.secrets import same_but_for_secrets, seal, sealed_fields, unseal

DIGEST_KEY = b"k" * 32


def request(**fields: Any) -> EvaluateRequest:
    return EvaluateRequest(model="dummy", tasks=["mme"], **fields)


@pytest.mark.parametrize(
    ("fields", "secrets"),
    [
        ({"model_args": {"api_key": "s3cret"}}, ["s3cret"]),
        ({"model_args": {"password": 123456}}, [123456]),
        ({"model_args": {"headers": {"Authorization": "Bearer abc"}}}, ["Bearer abc"]),
        ({"model_args": {"extra": [{"x-api-key": "abc"}]}}, ["abc"]),
        ({"model_args": {"base_url": "https://me:pass@host/v1"}}, ["me:pass"]),
        ({"model_args": {"note": "use hf_abcdefghijklmnopqrst"}}, ["hf_abcdefghijklmnopqrst"]),
        ({"model_args": "pretrained=a/b,api_key=abc,dtype=auto"}, ["abc"]),
        ({"model_args": "api_key='open sesame',a=b"}, ["open sesame"]),
        ({"model_args": 'headers={"Authorization":"Bearer abc.def"},a=1'}, ["Bearer abc.def"]),
        ({"model_args": "hf_token=abc"}, ["abc"]),
        ({"gen_kwargs": "max_new_tokens=16,api_key=abc"}, ["abc"]),
        ({"launcher_args": "name=sglang,api_key=abc,port=1"}, ["abc"]),
        ({"launcher_args": "name=vllm,args=--port 1 --api-key abc --x"}, ["abc"]),
        ({"launcher_args": "--api_key=abc"}, ["abc"]),
        ({"model_args": "1api_key=abc,_token=def"}, ["abc", "def"]),
        ({"model_args": "a=b=c:api_key=abc,d=e"}, ["abc"]),
        ({"model_args": "a='token: abc'"}, ["abc"]),
    ],
)
def test_a_secret_is_found(fields: dict[str, Any], secrets: list[Any]) -> None:
    original = request(**fields)
    public, found = seal(original, DIGEST_KEY)
    assert list(found.values()) == secrets
    assert str(secrets[0]) not in public.model_dump_json()
    assert sealed_fields(public) == list(fields)
    assert unseal(public, found) == original


@pytest.mark.parametrize(
    "fields",
    [
        {"model_args": {"api_key": "EMPTY", "token": True, "use_auth_token": "true", "key": None}},
        {"model_args": {"image_token": "<image>", "eos_token": "</s>", "max_tokens": 5, "pad_token": "[PAD]"}},
        {"model_args": "pretrained=a/b,eos_token=</s>,token=True,max_new_tokens=5,base_url=http://127.0.0.1:8000/v1"},
        {"gen_kwargs": {"until": ["key: value"]}},
        {"model_args": ""},
        {},
    ],
)
def test_what_is_no_secret_stays(fields: dict[str, Any]) -> None:
    original = request(**fields)
    assert seal(original, DIGEST_KEY) == (original, {})


def test_the_same_secret_has_the_same_placeholder_under_one_key_only() -> None:
    one, other = request(model_args={"api_key": "abc"}), request(model_args={"api_key": "abd"})
    assert seal(one, DIGEST_KEY)[0] == seal(one.model_copy(), DIGEST_KEY)[0]
    assert seal(one, DIGEST_KEY)[0] != seal(one, b"j" * 32)[0]
    assert seal(one, DIGEST_KEY)[0] != seal(other, DIGEST_KEY)[0]
    assert same_but_for_secrets(seal(one, DIGEST_KEY)[0], seal(other, DIGEST_KEY)[0])
    assert not same_but_for_secrets(seal(one, DIGEST_KEY)[0], seal(request(model_args={"a": "b"}), DIGEST_KEY)[0])


def test_placeholders_beside_a_secret_stay() -> None:
    assert redact_arguments("key=[redacted],token=abc,key=[redacted:0123456789abcdef]") == (
        "key=[redacted],token=[redacted],key=[redacted:0123456789abcdef]"
    )
    assert redact("api_key=abc[redacted]") == "api_key=abc[redacted]", "they overlap"


def test_a_missing_secret_is_an_error() -> None:
    public, _ = seal(request(model_args={"api_key": "abc"}), DIGEST_KEY)
    with pytest.raises(KeyError):
        unseal(public, {})


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.just("api_key"), inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(WORDS | st.sampled_from(["api_key", "HF_TOKEN", "Authorization"]), VALUES, max_size=4)
TEXTS = st.lists(st.sampled_from(["api_key", "a", "token", "=", ",", "'", '"', ":", "{", "}", "x y", "Bearer "])).map(
    "".join
)


@given(ARGUMENTS | TEXTS)
def test_whatever_it_is_comes_back_as_it_was(arguments: Any) -> None:
    original = request(model_args=arguments)
    public, secrets = seal(original, DIGEST_KEY)
    back = unseal(EvaluateRequest.model_validate_json(public.model_dump_json()), json.loads(json.dumps(secrets)))
    assert back.model_args == arguments


@given(st.text(st.characters(categories=["L", "N"]), min_size=12), st.sampled_from(["api_key", "hf_token", "Password"]))
def test_what_stands_under_a_secrets_name_is_nowhere_else(secret: str, name: str) -> None:
    for arguments in ({name: secret}, f"a=b,{name}={secret}", {"x": [{name: secret}]}):
        public, _ = seal(request(model_args=arguments), DIGEST_KEY)
        assert secret not in json.dumps(public.model_args, ensure_ascii=False)


@pytest.mark.parametrize("name", ["HF_TOKEN", "api_key", "X-Api-Key", "db_password", "Authorization", "token", "key"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["eos_token", "image_token", "max_tokens", "monkeys", "keyword", "sort_key", "tokenizer"]
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


def test_nested_data_is_scrubbed_of_known_secrets() -> None:
    data = {"config": {"args": "key=abcdef", "n": 1}, "list": [("abcdef", None)]}
    assert scrub(data, ["abcdef"]) == {"config": {"args": "key=[redacted]", "n": 1}, "list": [("[redacted]", None)]}


# What is repeated until the text is long: words, names, and whatever may stand between them.
LONG = (
    *(
        "a",
        "a.",
        "-",
        "a=",
        "a:",
        "a ",
        " ",
        "key ",
        "key=",
        "key = ",
        "key='",
        'key="',
        "api_key",
        'api_key" ',
        "key=<",
    ),
    *(
        "key=a,",
        "key=none,",
        "[redacted]",
        "[redacted]key=a,",
        "authorization",
        "authorization ",
        "authorization=bearer ",
    ),
    *(
        "bearer ",
        "sk-",
        "hf_",
        "://",
        "://a:",
        "://a:b",
        "trust_remote_code",
        "trust_remote_code =",
        "'",
        '"',
        ",",
        "=",
    ),
)
READING = """
import sys
from jupyter_lmms_eval.engine.arguments import problem_with_arguments
from jupyter_lmms_eval.engine.validation import trusts_remote_code
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest
from jupyter_lmms_eval.protocol.redaction import redact
from jupyter_lmms_eval.protocol.secrets import holds_secrets

for part in sys.argv[1:]:
    text = "response=" + part * (400_000 // len(part))
    holds_secrets(EvaluateRequest(model="dummy", tasks=["mme"], model_args=text))
    redact(text)
    trusts_remote_code(text)
    problem_with_arguments(text)
"""


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    """Read once it takes a part of a second; read once for each of its letters, as it was before, an hour."""
    subprocess.run([sys.executable, "-c", READING, *LONG], check=True, timeout=240)
