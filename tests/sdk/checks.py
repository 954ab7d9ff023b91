"""What the scripts share: a list of checks, the addresses of both servers, and the models of every wire format."""

import asyncio
import inspect
import json
import os
import sys
import time
import traceback
import urllib.request

GATEWAY = os.environ["CODEFLOW_URL"]
PROVIDER = os.environ["PROVIDER_URL"]
KEY = os.environ["CODEFLOW_KEY"]

TEXT = "Grüße, 世界 🌍! Schön, von dir zu hören."
CITIES = ["Kyiv", "Zürich"]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PIXEL_URL = f"data:image/png;base64,{PIXEL}"

# One model for each wire format that the gateway speaks to providers.
MODELS = {
    "openai": "openai/gpt-5.1",
    "anthropic": "anthropic/claude-haiku-4-5",
    "gemini": "gemini/gemini-2.5-flash",
    "bedrock": "bedrock/amazon.nova-lite-v1:0",
    "ollama": "ollama/llama3.1",
    "cohere": "cohere/command-a-03-2025",
}
# Others of the same providers, for checks after which a model is left alone for a while.
OTHERS = {
    "openai": "openai/gpt-4.1-mini",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "gemini": "gemini/gemini-2.5-pro",
    "bedrock": "bedrock/amazon.nova-pro-v1:0",
    "ollama": "ollama/another",
    "cohere": "cohere/command-r-08-2024",
}
SEES = {name: model for name, model in MODELS.items() if name not in ("ollama", "cohere")}

# What providers do that no client should notice.
ODDITIES = (
    "rechunks-one-byte", "rechunks-split-characters", "line-ends-cr-lf", "usage-with-reason",
    "usage-apart-with-choice", "slow", "wrong-content-type", "closes-after",
)

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

_checks = []


def check(*cases):
    """Registers a check, once for each case."""

    def register(function):
        _checks.extend((function, case) for case in cases or [None])
        return function

    return register


def key(name):
    """A key of the settings that may do less."""
    return os.environ[f"CODEFLOW_{name}_KEY"]


def seen():
    """What the provider saw: counts, and the last request."""
    with urllib.request.urlopen(f"{PROVIDER}/seen") as response:
        return json.load(response)


def sent():
    """The last body that a provider received, as text."""
    return json.dumps(seen()["last"]["body"], ensure_ascii=False)


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def holds(text, *words):
    for word in words:
        assert word in text, f"{word!r} is not in {text!r}"


def raises(kind, function, *arguments, **named):
    """The exception that a call ends with, which has to be of exactly this kind."""
    try:
        result = function(*arguments, **named)
    except Exception as error:
        assert type(error) is kind, f"{error!r} is not a {kind.__name__}"
        return error
    raise AssertionError(f"{kind.__name__} was expected, and {result!r} came")


def until(condition, seconds=5.0):
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)


def main():
    """Runs all checks and says how many there were."""
    failed = 0
    for function, case in _checks:
        name = function.__name__ + (f"[{case}]" if case else "")
        try:
            result = function(case) if case else function()
            if inspect.iscoroutine(result):
                asyncio.run(result)
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", file=sys.stderr)
    print(f"{len(_checks)} checks, {failed} failed")
    sys.exit(1 if failed else 0)
