"""OpenAI's Python package, unchanged, against the gateway."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from checks import CITIES, GATEWAY, KEY, MODELS, ODDITIES, OTHERS, PIXEL_URL, SEES, TEXT, WEATHER
from checks import check, equal, holds, key, main, raises, seen, sent, until

FRESH = {"cache-control": "no-store"}
client = OpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, default_headers=FRESH, max_retries=0)
aclient = AsyncOpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, default_headers=FRESH, max_retries=0)
chats = client.chat.completions

TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": WEATHER}}
]


class Weather(BaseModel):
    city: str
    degrees: int


def ask(text):
    return [{"role": "user", "content": text}]


def arguments(calls):
    return [Weather.model_validate_json(call.function.arguments[:-1] + ', "degrees": 0}').city for call in calls]


@check(*MODELS)
def a_chat_comes_whole(name):
    got = chats.create(model=MODELS[name], messages=ask("Hello"))
    equal(got.object, "chat.completion")
    equal(got.choices[0].message.role, "assistant")
    equal(got.choices[0].message.content, TEXT)
    equal(got.choices[0].finish_reason, "stop")
    equal((got.usage.prompt_tokens, got.usage.completion_tokens, got.usage.total_tokens), (20, 9, 29))
    assert got.id and got.model and got.created > 0, got
    assert got._request_id.startswith("req_"), got._request_id


@check(*MODELS)
def a_chat_is_streamed(name):
    pieces = list(chats.create(model=MODELS[name], messages=ask("Hello"), stream=True))
    text = [piece.choices[0].delta.content or "" for piece in pieces if piece.choices]
    equal("".join(text), TEXT)
    assert len([part for part in text if part]) > 3, text
    equal([piece.choices[0].finish_reason for piece in pieces if piece.choices][-1], "stop")
    equal(len({piece.id for piece in pieces}), 1)
    assert not any(piece.usage for piece in pieces), "nobody asked for the usage"


@check(*MODELS)
def a_stream_tells_its_usage(name):
    options = {"include_usage": True}
    pieces = list(chats.create(model=MODELS[name], messages=ask("Hi"), stream=True, stream_options=options))
    told = [piece.usage for piece in pieces if piece.usage]
    equal(len(told), 1)
    equal((told[0].prompt_tokens, told[0].completion_tokens), (20, 9))
    equal(pieces[-1].choices, [])


@check(*MODELS)
def tools_are_called_in_parallel(name):
    got = chats.create(model=MODELS[name], messages=ask("!tools"), tools=TOOLS)
    choice = got.choices[0]
    equal(choice.finish_reason, "tool_calls")
    equal([call.function.name for call in choice.message.tool_calls], ["weather", "weather"])
    equal(arguments(choice.message.tool_calls), CITIES)
    equal(len({call.id for call in choice.message.tool_calls}), 2)
    holds(sent(), "weather", "city")


@check(*MODELS)
def tool_calls_are_streamed(name):
    with chats.stream(model=MODELS[name], messages=ask("!tools"), tools=TOOLS) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        got = stream.get_final_completion()
    equal([event.index for event in done], [0, 1])
    equal(arguments(got.choices[0].message.tool_calls), CITIES)
    equal(got.choices[0].finish_reason, "tool_calls")


@check(*MODELS)
def the_second_turn_brings_the_results(name):
    messages = [{"role": "system", "content": "Be brief."}, *ask("!tools")]
    first = chats.create(model=MODELS[name], messages=messages, tools=TOOLS)
    messages.append(first.choices[0].message.model_dump(exclude_none=True))
    for call, answer in zip(first.choices[0].message.tool_calls, ["sleet", "fog"]):
        messages.append({"role": "tool", "tool_call_id": call.id, "content": answer})
    second = chats.create(model=MODELS[name], messages=messages, tools=TOOLS)
    equal(second.choices[0].message.content, TEXT)
    holds(sent(), "sleet", "fog", "Be brief.", "Kyiv")


@check("openai", "anthropic", "gemini", "bedrock")
def a_tool_can_be_chosen(name):
    choice = {"type": "function", "function": {"name": "weather"}}
    chats.create(model=MODELS[name], messages=ask("!tools"), tools=TOOLS, tool_choice=choice)
    body = seen()["last"]["body"]
    chosen = {
        "openai": lambda: body["tool_choice"]["function"]["name"],
        "anthropic": lambda: body["tool_choice"]["name"],
        "gemini": lambda: body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"][0],
        "bedrock": lambda: body["toolConfig"]["toolChoice"]["tool"]["name"],
    }
    equal(chosen[name](), "weather")


@check("openai", "anthropic", "gemini", "ollama", "cohere")
def an_answer_has_a_schema(name):
    got = chats.parse(model=MODELS[name], messages=ask("!json"), response_format=Weather)
    equal(got.choices[0].message.parsed, Weather(city="Zürich", degrees=21))
    holds(sent(), "degrees")


@check("openai", "anthropic", "gemini")
def an_answer_with_a_schema_is_streamed(name):
    with chats.stream(model=MODELS[name], messages=ask("!json"), response_format=Weather) as stream:
        kinds = [event.type for event in stream]
        got = stream.get_final_completion()
    assert kinds.count("content.delta") > 1, kinds
    equal(got.choices[0].message.parsed, Weather(city="Zürich", degrees=21))


@check(*SEES)
def a_picture_is_seen(name):
    text, picture = {"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": PIXEL_URL}}
    messages = [{"role": "user", "content": [text, picture]}]
    got = chats.create(model=MODELS[name], messages=messages)
    equal(got.choices[0].message.content, "I see one picture.")


@check("openai", "anthropic")
def a_picture_may_be_elsewhere(name):
    parts = [{"type": "image_url", "image_url": {"url": f"https://example.com/{at}.png"}} for at in (1, 2)]
    got = chats.create(model=MODELS[name], messages=[{"role": "user", "content": parts}])
    equal(got.choices[0].message.content, "I see 2 pictures.")
    holds(sent(), "https://example.com/2.png")


@check(*MODELS)
def the_limit_is_told(name):
    got = chats.create(model=MODELS[name], messages=ask("!length"), max_completion_tokens=50)
    equal(got.choices[0].finish_reason, "length")
    holds(sent(), "50")


@check("openai", "gemini", "bedrock")
def what_is_withheld_is_told(name):
    got = chats.create(model=MODELS[name], messages=ask("!filtered"))
    equal(got.choices[0].finish_reason, "content_filter")


@check()
def a_refusal_is_told():
    equal(chats.create(model=MODELS["openai"], messages=ask("!refusal")).choices[0].message.refusal, "I will not do that.")


@check("openai", "anthropic", "gemini")
def stop_texts_are_handed_on(name):
    model = {**MODELS, "openai": "openai/gpt-4.1"}[name]
    got = chats.create(model=model, messages=ask("!stop-sequence"), stop=["END"], temperature=0.5)
    equal(got.choices[0].finish_reason, "stop")
    holds(sent(), "END", "0.5")


@check(*MODELS)
def a_conversation_goes_on(name):
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello, Ada."},
        {"role": "user", "content": "Who am I?"},
    ]
    equal(chats.create(model=MODELS[name], messages=messages).choices[0].message.content, TEXT)
    holds(sent(), "Be kind.", "My name is Ada.", "Hello, Ada.", "Who am I?")


@check("openai/text-embedding-3-small", "gemini/gemini-embedding-001", "cohere/embed-v4.0", "ollama/nomic-embed-text")
def texts_become_vectors(model):
    plain = client.embeddings.create(model=model, input=["one", "two"], encoding_format="float")
    packed = client.embeddings.create(model=model, input=["one", "two"])
    equal([item.index for item in plain.data], [0, 1])
    for numbers, same in zip(plain.data, packed.data):
        assert len(numbers.embedding) == 4 and all(abs(a - b) < 1e-6 for a, b in zip(numbers.embedding, same.embedding))
    assert plain.data[0].embedding != plain.data[1].embedding


@check()
def models_are_listed():
    ids = [model.id for model in client.models.list()]
    for expected in ["fast", *list(MODELS.values())[:4]]:
        assert expected in ids, expected
    equal(client.models.retrieve("fast").owned_by, "codeflow")
    equal(client.models.retrieve("openai/gpt-5.1").id, "openai/gpt-5.1")
    raises(openai.NotFoundError, client.models.retrieve, "openai/none")


@check()
def a_wrong_key_is_refused():
    error = raises(openai.AuthenticationError, client.with_options(api_key="wrong-wrong-wrong-wrong").models.list)
    equal((error.status_code, error.code, error.type), (401, "invalid_api_key", "authentication_error"))
    assert error.request_id.startswith("req_")


@check()
def a_key_may_be_narrow():
    narrow = client.with_options(api_key=key("NARROW"))
    error = raises(openai.PermissionDeniedError, narrow.chat.completions.create, model=MODELS["openai"], messages=ask("Hi"))
    equal((error.status_code, error.param), (403, "model"))
    equal([model.id for model in narrow.models.list()], ["fast"])
    equal(narrow.chat.completions.create(model="fast", messages=ask("Hi")).choices[0].message.content, TEXT)


@check()
def an_unknown_model_is_not_found():
    error = raises(openai.NotFoundError, chats.create, model="nobody/none", messages=ask("Hi"))
    equal((error.status_code, error.code), (404, "model_not_found"))


@check()
def a_wrong_field_is_named():
    model = MODELS["anthropic"]
    error = raises(openai.BadRequestError, chats.create, model=model, messages=ask("Hi"), temperature="warm")
    equal((error.status_code, error.param, error.type), (400, "temperature", "invalid_request_error"))
    error = raises(openai.BadRequestError, chats.create, model=model, messages=[{"role": "nobody", "content": ""}])
    equal(error.param, "messages[0].role")


@check(*MODELS)
def what_a_provider_says_of_a_request_is_told(name):
    for order, code in [("too-long", "context_length_exceeded"), ("invalid", None)]:
        error = raises(openai.BadRequestError, chats.create, model=MODELS[name], messages=ask(f"!refuses-{order}"))
        assert code in (None, error.code), error.body


@check()
def a_body_may_be_too_large():
    error = raises(openai.APIStatusError, chats.create, model=MODELS["openai"], messages=ask("x" * (2 << 20)))
    equal(error.status_code, 413)


@check()
def a_limit_of_requests_is_told_and_waited_for():
    limited = client.with_options(api_key=key("LIMITED"))
    last = {"model": MODELS["openai"], "messages": ask("Hi")}
    hasty = limited.chat.completions
    error = None
    for _ in range(100):
        try:
            hasty.create(**last)
        except openai.RateLimitError as refused:
            error = refused
            break
    assert error is not None, "there is no limit"
    equal((error.status_code, error.code), (429, "rate_limit_exceeded"))
    wait = int(error.response.headers["retry-after"])
    assert 1 <= wait <= 2, wait
    began = time.monotonic()
    got = limited.with_options(max_retries=2).chat.completions.create(**last)
    equal(got.choices[0].message.content, TEXT)
    assert time.monotonic() - began > 0.5, "the package did not wait"


@check()
def a_budget_ends_the_calls_at_once():
    poor = client.with_options(api_key=key("POOR"), max_retries=3)
    began = time.monotonic()
    error = raises(openai.RateLimitError, poor.chat.completions.create, model=MODELS["openai"], messages=ask("Hi"))
    equal((error.code, error.type), ("insufficient_quota", "insufficient_quota"))
    assert time.monotonic() - began < 2, "the package tried again"


@check(*MODELS)
def a_failure_is_tried_again(name):
    for order in ("fail-500", "fail-503", "stops-before-head-closes"):
        prompt = ask(f"!once !{order} {uuid.uuid4()}")
        raw = chats.with_raw_response.create(model=MODELS[name], messages=prompt)
        equal(raw.parse().choices[0].message.content, TEXT)
        equal(raw.headers["x-codeflow-attempts"], "2")


@check("openai", "anthropic")
def a_stream_that_fails_at_first_is_tried_again(name):
    prompt = ask(f"!once !stops-before-tokens-closes {uuid.uuid4()}")
    pieces = list(chats.create(model=MODELS[name], messages=prompt, stream=True))
    equal("".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices), TEXT)


@check(*MODELS)
def a_stream_that_breaks_is_no_end(name):
    for order in ("stops-after-tokens-closes", "stops-inside-frame-ends", "garbles-after-tokens", "no-reason"):
        stream = chats.create(model=MODELS[name], messages=ask(f"!{order}"), stream=True)
        assert next(stream).choices, order
        raises(openai.APIError, list, stream)


@check(*MODELS)
def what_is_odd_does_no_harm(name):
    options = {"include_usage": True}
    for oddity in ODDITIES:
        pieces = list(chats.create(model=MODELS[name], messages=ask(f"!{oddity}"), stream=True, stream_options=options))
        equal("".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices), TEXT)
        equal([piece.usage.total_tokens for piece in pieces if piece.usage], [29])


@check("openai", "anthropic", "bedrock")
def an_error_in_a_stream_is_told(name):
    stream = chats.create(model=MODELS[name], messages=ask("!error-event-after-tokens"), stream=True)
    raises(openai.APIError, list, stream)


@check(*MODELS)
def a_limit_of_a_provider_is_told(name):
    error = raises(openai.RateLimitError, chats.create, model=OTHERS[name], messages=ask("!fail-429"))
    equal(error.code, "rate_limit_exceeded")
    equal(error.response.headers["retry-after"], "2")


@check(*MODELS)
def a_failure_of_ours_at_a_provider_is_not_the_callers(name):
    error = raises(openai.InternalServerError, chats.create, model=MODELS[name], messages=ask("!fail-401"))
    equal(error.status_code, 502)
    equal(error.response.headers["x-should-retry"], "false")


@check()
def fields_that_nobody_knows_pass_to_the_same_format():
    more = {"extra_body": {"brand_new": {"a": 1}}, "seed": 7, "user": "ada", "metadata": {"run": "one"}}
    chats.create(model=MODELS["openai"], messages=ask("Hi"), **more)
    body = seen()["last"]["body"]
    equal((body["brand_new"], body["seed"], body["user"], body["metadata"]), ({"a": 1}, 7, "ada", {"run": "one"}))
    equal(body["model"], "gpt-5.1")


@check("anthropic", "gemini", "bedrock", "ollama", "cohere")
def fields_that_are_lost_are_named(name):
    raw = chats.with_raw_response.create(model=MODELS[name], messages=ask("Hi"), extra_body={"brand_new": 1})
    holds(raw.headers["x-codeflow-dropped"], "brand_new")
    error = raises(openai.BadRequestError, chats.create, model=MODELS[name], messages=ask("Hi"), n=2)
    equal(error.param, "n")


@check()
def paths_that_are_not_there_are_not_found():
    raises(openai.NotFoundError, client.responses.create, model=MODELS["openai"], input="Hi")
    raises(openai.NotFoundError, client.completions.create, model=MODELS["openai"], prompt="Hi")


@check(*MODELS)
def the_words_of_a_developer_are_instructions(name):
    messages = [{"role": "developer", "content": [{"type": "text", "text": "Be kind."}]}, *ask("Hi")]
    chats.create(model=MODELS[name], messages=messages)
    holds(sent(), "Be kind.")


@check(*MODELS)
def a_response_may_be_taken_as_it_comes(name):
    with chats.with_streaming_response.create(model=MODELS[name], messages=ask("Hi"), stream=True) as response:
        equal(response.headers["content-type"], "text/event-stream; charset=utf-8")
        lines = [line for line in response.iter_lines() if line]
    equal(lines[-1], "data: [DONE]")
    assert all(line.startswith("data: ") for line in lines), lines


@check()
def a_route_falls_back():
    raw = chats.with_raw_response.create(model="falls", messages=ask("Hi"))
    equal(raw.parse().choices[0].message.content, TEXT)
    equal(raw.headers["x-codeflow-provider"], "anthropic")
    equal(raw.headers["x-codeflow-route"], "falls")
    holds(raw.headers["x-codeflow-trail"], "broken/gpt-5.1")
    pieces = list(chats.create(model="falls", messages=ask("Hi"), stream=True))
    equal("".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices), TEXT)


@check(*MODELS)
def the_way_is_told(name):
    raw = chats.with_raw_response.create(model=MODELS[name], messages=ask("Hi"))
    provider, model = MODELS[name].split("/", 1)
    equal(raw.headers["x-codeflow-provider"], provider)
    equal(raw.headers["x-codeflow-model"], model)
    equal(raw.headers["x-codeflow-attempts"], "1")
    equal(raw.headers["x-request-id"], raw.parse()._request_id)


@check()
def an_answer_is_kept():
    keeper = OpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, max_retries=0)
    same = {"model": MODELS["openai"], "messages": ask(f"Keep this {uuid.uuid4()}")}
    first = keeper.chat.completions.with_raw_response.create(**same)
    before = seen()["requests"]
    second = keeper.chat.completions.with_raw_response.create(**same)
    equal("x-codeflow-cache" in first.headers, False)
    equal(second.headers["x-codeflow-cache"], "hit")
    equal(second.parse().choices[0].message.content, TEXT)
    equal(seen()["requests"], before)
    raw = chats.with_raw_response.create(**same)
    equal("x-codeflow-cache" in raw.headers, False)


@check("openai", "anthropic")
def a_client_may_run_out_of_patience(name):
    before, hasty = seen()["hung_up"], client.with_options(timeout=0.3).chat.completions
    raises(openai.APITimeoutError, hasty.create, model=MODELS[name], messages=ask("!stops-before-head-hangs"))
    until(lambda: seen()["hung_up"] == before + 1, seconds=1.0)


@check(*MODELS)
def a_client_may_hang_up(name):
    before = seen()["hung_up"]
    stream = chats.create(model=MODELS[name], messages=ask("!stops-after-tokens-hangs"), stream=True)
    next(stream)
    stream.close()
    until(lambda: seen()["hung_up"] == before + 1, seconds=1.0)


@check(*MODELS)
async def the_other_client_does_the_same(name):
    async with AsyncOpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, max_retries=0) as other:
        got = await other.chat.completions.create(model=MODELS[name], messages=ask("Hello"))
        equal(got.choices[0].message.content, TEXT)
        text = ""
        async for piece in await other.chat.completions.create(model=MODELS[name], messages=ask("Hello"), stream=True):
            text += (piece.choices[0].delta.content or "") if piece.choices else ""
        equal(text, TEXT)
        async with other.chat.completions.stream(model=MODELS[name], messages=ask("!tools"), tools=TOOLS) as stream:
            async for _ in stream:
                pass
            got = await stream.get_final_completion()
        equal(arguments(got.choices[0].message.tool_calls), CITIES)


@check()
def many_ask_at_once():
    with ThreadPoolExecutor(20) as pool:
        ask_one = lambda at: chats.create(model=list(MODELS.values())[at % 6], messages=ask("Hello"))
        answers = [got.choices[0].message.content for got in pool.map(ask_one, range(60))]
    equal(answers, [TEXT] * 60)


main()
