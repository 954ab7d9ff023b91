"""Anthropic's Python package, unchanged, against the gateway."""

import time
import uuid

import anthropic
from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel

from checks import CITIES, GATEWAY, KEY, MODELS, ODDITIES, OTHERS, PIXEL, SEES, TEXT, WEATHER
from checks import check, equal, holds, key, main, raises, seen, sent, until

FRESH = {"cache-control": "no-store"}
client = Anthropic(base_url=GATEWAY, api_key=KEY, default_headers=FRESH, max_retries=0)

TOOLS = [{"name": "weather", "description": "Tells it.", "input_schema": WEATHER}]


class Weather(BaseModel):
    city: str
    degrees: int


def ask(text):
    return [{"role": "user", "content": text}]


def create(name, messages, client=client, **more):
    return client.messages.create(**request(name, messages, **more))


def request(name, messages, **more):
    return {"model": MODELS.get(name, name), "messages": messages, "max_tokens": 100, **more}


def texts(message):
    return "".join(block.text for block in message.content if block.type == "text")


def calls(message):
    return [block for block in message.content if block.type == "tool_use"]


@check(*MODELS)
def a_message_comes_whole(name):
    got = create(name, ask("Hello"))
    equal((got.type, got.role, got.stop_reason), ("message", "assistant", "end_turn"))
    equal(texts(got), TEXT)
    usage = got.usage
    equal(usage.input_tokens + (usage.cache_read_input_tokens or 0), 20)
    equal(usage.output_tokens, 9)
    assert got.id and got.model, got
    assert got._request_id.startswith("req_"), got._request_id


@check(*MODELS)
def a_message_is_streamed(name):
    events = list(create(name, ask("Hello"), stream=True))
    kinds = [event.type for event in events if event.type != "ping"]
    equal((kinds[0], kinds[1]), ("message_start", "content_block_start"))
    equal(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"])
    assert kinds.count("content_block_delta") > 3, kinds
    equal("".join(event.delta.text for event in events if event.type == "content_block_delta"), TEXT)
    last = next(event for event in events if event.type == "message_delta")
    equal((last.delta.stop_reason, last.usage.output_tokens), ("end_turn", 9))


@check(*MODELS)
def a_stream_gathers_its_message(name):
    with client.messages.stream(**request(name, ask("Hello"))) as stream:
        text = "".join(stream.text_stream)
        got = stream.get_final_message()
    equal((text, texts(got), got.stop_reason), (TEXT, TEXT, "end_turn"))
    equal(got.usage.output_tokens, 9)


@check(*MODELS)
def tools_are_called_in_parallel(name):
    got = create(name, ask("!tools"), tools=TOOLS)
    equal(got.stop_reason, "tool_use")
    equal([call.name for call in calls(got)], ["weather", "weather"])
    equal([call.input["city"] for call in calls(got)], CITIES)
    equal(len({call.id for call in calls(got)}), 2)
    holds(sent(), "weather", "city")


@check(*MODELS)
def tool_calls_are_streamed(name):
    with client.messages.stream(**request(name, ask("!tools"), tools=TOOLS)) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        got = stream.get_final_message()
    equal([call.input["city"] for call in calls(got)], CITIES)
    equal(got.stop_reason, "tool_use")
    assert pieces, "no piece of a call came"


@check(*MODELS)
def the_second_turn_brings_the_results(name):
    messages = ask("!tools")
    first = create(name, messages, tools=TOOLS, system="Be brief.")
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": answer}
        for call, answer in zip(calls(first), ["sleet", [{"type": "text", "text": "fog"}]])
    ]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = create(name, messages, tools=TOOLS, system="Be brief.")
    equal(texts(second), TEXT)
    holds(sent(), "sleet", "fog", "Be brief.", "Kyiv")


@check("openai", "anthropic", "gemini", "bedrock")
def a_tool_can_be_chosen(name):
    create(name, ask("!tools"), tools=TOOLS, tool_choice={"type": "tool", "name": "weather"})
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
    got = client.messages.parse(**request(name, ask("!json")), output_format=Weather)
    equal(got.parsed_output, Weather(city="Zürich", degrees=21))
    holds(sent(), "degrees")


@check(*SEES)
def a_picture_is_seen(name):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts = [{"type": "text", "text": "Look"}, {"type": "image", "source": source}]
    equal(texts(create(name, [{"role": "user", "content": parts}])), "I see one picture.")
    holds(sent(), PIXEL)


@check("openai", "anthropic")
def a_picture_may_be_elsewhere(name):
    parts = [
        {"type": "image", "source": {"type": "url", "url": f"https://example.com/{at}.png"}} for at in (1, 2)
    ]
    equal(texts(create(name, [{"role": "user", "content": parts}])), "I see 2 pictures.")
    holds(sent(), "https://example.com/2.png")


@check(*MODELS)
def the_limit_is_told(name):
    got = create(name, ask("!length"), max_tokens=50)
    equal(got.stop_reason, "max_tokens")
    holds(sent(), "50")


@check()
def stop_texts_are_told():
    got = create("anthropic", ask("!stop-sequence"), stop_sequences=["END"])
    equal((got.stop_reason, got.stop_sequence), ("stop_sequence", "END"))


@check("openai", "gemini", "bedrock")
def stop_texts_are_handed_on(name):
    model = {**MODELS, "openai": "openai/gpt-4.1"}[name]
    got = create(model, ask("!stop-sequence"), stop_sequences=["END"], extra_body={"temperature": 0.5})
    assert got.stop_reason in ("end_turn", "stop_sequence"), got.stop_reason
    holds(sent(), "END", "0.5")


@check("openai", "anthropic", "gemini", "bedrock")
def what_is_withheld_is_told(name):
    equal(create(name, ask("!filtered")).stop_reason, "refusal")


@check()
def a_refusal_is_told():
    got = create("openai", ask("!refusal"))
    equal((texts(got), got.stop_reason), ("I will not do that.", "refusal"))


@check()
def thoughts_are_shown_and_given_back():
    thinking = {"type": "enabled", "budget_tokens": 1024}
    messages = ask("!thinking")
    first = create("anthropic", messages, max_tokens=2000, thinking=thinking)
    equal([block.type for block in first.content], ["thinking", "text"])
    messages += [{"role": "assistant", "content": first.content}, *ask("Go on")]
    equal(texts(create("anthropic", messages, max_tokens=2000, thinking=thinking)), TEXT)
    holds(sent(), first.content[0].signature)
    with client.messages.stream(**request("anthropic", ask("!thinking"), max_tokens=2000, thinking=thinking)) as stream:
        got = stream.get_final_message()
    equal([block.type for block in got.content], ["thinking", "text"])


@check(*MODELS)
def a_conversation_goes_on(name):
    system = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
    messages = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello, Ada."}]},
        {"role": "user", "content": "Who am I?"},
    ]
    equal(texts(create(name, messages, system=system)), TEXT)
    holds(sent(), "Be kind.", "My name is Ada.", "Hello, Ada.", "Who am I?")


@check(*MODELS)
def tokens_are_counted(name):
    count = client.messages.count_tokens(model=MODELS[name], messages=ask("Hello"), system="Be kind.").input_tokens
    more = client.messages.count_tokens(model=MODELS[name], messages=ask("Hello " * 200), tools=TOOLS).input_tokens
    assert 0 < count < 50 < more, (count, more)


@check()
def models_are_listed():
    ids = [model.id for model in client.models.list()]
    for expected in ["fast", *list(MODELS.values())[:4]]:
        assert expected in ids, expected
    equal(client.models.retrieve("fast").type, "model")
    equal(client.models.retrieve("openai/gpt-5.1").id, "openai/gpt-5.1")
    raises(anthropic.NotFoundError, client.models.retrieve, "openai/none")


@check()
def a_wrong_key_is_refused():
    wrong = client.with_options(api_key="wrong-wrong-wrong-wrong")
    error = raises(anthropic.AuthenticationError, create, "anthropic", ask("Hi"), wrong)
    equal((error.status_code, error.body["error"]["type"]), (401, "authentication_error"))
    assert error.request_id.startswith("req_") and error.body["request_id"] == error.request_id
    raises(anthropic.AuthenticationError, wrong.models.list)


@check()
def a_token_works_like_a_key():
    bearer = Anthropic(base_url=GATEWAY, auth_token=KEY, max_retries=0)
    equal(texts(create("anthropic", ask("Hello"), bearer)), TEXT)


@check()
def a_key_may_be_narrow():
    narrow = client.with_options(api_key=key("NARROW"))
    error = raises(anthropic.PermissionDeniedError, create, "anthropic", ask("Hi"), narrow)
    equal(error.body["error"]["type"], "permission_error")
    equal([model.id for model in narrow.models.list()], ["fast"])
    equal(texts(create("fast", ask("Hi"), narrow)), TEXT)


@check()
def an_unknown_model_is_not_found():
    error = raises(anthropic.NotFoundError, create, "nobody/none", ask("Hi"))
    equal(error.body["error"]["type"], "not_found_error")


@check()
def a_wrong_field_is_named():
    error = raises(anthropic.BadRequestError, create, "openai", ask("Hi"), extra_body={"temperature": "warm"})
    equal(error.body["error"]["type"], "invalid_request_error")
    holds(error.body["error"]["message"], "temperature")
    error = raises(anthropic.BadRequestError, create, "openai", [{"role": "nobody", "content": ""}])
    holds(error.body["error"]["message"], "messages[0].role")


@check(*MODELS)
def what_a_provider_says_of_a_request_is_told(name):
    for order in ("too-long", "invalid"):
        raises(anthropic.BadRequestError, create, name, ask(f"!refuses-{order}"))


@check()
def a_body_may_be_too_large():
    error = raises(anthropic.ContentTooLargeError, create, "anthropic", ask("x" * (2 << 20)))
    equal((error.status_code, error.body["error"]["type"]), (413, "request_too_large"))


@check()
def a_limit_of_requests_is_told_and_waited_for():
    limited = client.with_options(api_key=key("LIMITED"))
    error = None
    for _ in range(100):
        try:
            create("anthropic", ask("Hi"), limited)
        except anthropic.RateLimitError as refused:
            error = refused
            break
    assert error is not None, "there is no limit"
    equal(error.body["error"]["type"], "rate_limit_error")
    wait = int(error.response.headers["retry-after"])
    assert 1 <= wait <= 2, wait
    began = time.monotonic()
    equal(texts(create("anthropic", ask("Hi"), limited.with_options(max_retries=2))), TEXT)
    assert time.monotonic() - began > 0.5, "the package did not wait"


@check()
def a_budget_ends_the_calls_at_once():
    poor = client.with_options(api_key=key("POOR"), max_retries=3)
    began = time.monotonic()
    raises(anthropic.RateLimitError, create, "anthropic", ask("Hi"), poor)
    assert time.monotonic() - began < 2, "the package tried again"


@check(*MODELS)
def a_failure_is_tried_again(name):
    for order in ("fail-500", "fail-529", "stops-before-head-closes"):
        prompt = ask(f"!once !{order} {uuid.uuid4()}")
        raw = client.messages.with_raw_response.create(**request(name, prompt))
        equal(texts(raw.parse()), TEXT)
        equal(raw.headers["x-codeflow-attempts"], "2")


@check("anthropic")
def a_lasting_failure_is_told(name):
    raises(anthropic.OverloadedError, create, name, ask("!fail-529"))
    error = raises(anthropic.InternalServerError, create, name, ask("!fail-401"))
    equal(error.status_code, 502)


@check("openai", "anthropic")
def a_stream_that_fails_at_first_is_tried_again(name):
    prompt = ask(f"!once !stops-before-tokens-closes {uuid.uuid4()}")
    with client.messages.stream(**request(name, prompt)) as stream:
        equal(stream.get_final_text(), TEXT)


@check(*MODELS)
def a_stream_that_breaks_is_no_end(name):
    for order in ("stops-after-tokens-closes", "stops-inside-frame-ends", "garbles-after-tokens", "no-reason"):
        stream = create(name, ask(f"!{order}"), stream=True)
        equal(next(stream).type, "message_start")
        try:
            list(stream)
        except anthropic.APIStatusError as error:
            equal((order, error.body["error"]["type"]), (order, "api_error"))
        else:
            raise AssertionError(f"{order}: the stream ended as if nothing were wrong")


@check(*MODELS)
def what_is_odd_does_no_harm(name):
    for oddity in ODDITIES:
        with client.messages.stream(**request(name, ask(f"!{oddity}"))) as stream:
            equal((stream.get_final_text(), stream.get_final_message().usage.output_tokens), (TEXT, 9))


@check(*MODELS)
def a_limit_of_a_provider_is_told(name):
    error = raises(anthropic.RateLimitError, create, OTHERS[name], ask("!fail-429"))
    equal(error.body["error"]["type"], "rate_limit_error")
    equal(error.response.headers["retry-after"], "2")


@check(*MODELS)
def tools_are_run_by_the_package(name):
    asked = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Tells it.

        Args:
            city: Where.
        """
        asked.append(city)
        return f"sleet in {city}"

    runner = client.beta.messages.tool_runner(**request(name, ask("!tools")), tools=[weather])
    equal(texts(runner.until_done()), TEXT)
    equal(asked, CITIES)
    holds(sent(), "sleet in Kyiv", "sleet in Zürich")


@check("anthropic", "bedrock")
def a_result_may_be_a_picture_or_an_error(name):
    messages = ask("!tools")
    first = create(name, messages, tools=TOOLS)
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    contents = [[{"type": "image", "source": source}], "no such town"]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": content, "is_error": at == 1}
        for at, (call, content) in enumerate(zip(calls(first), contents))
    ]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    create(name, messages, tools=TOOLS)
    holds(sent(), PIXEL, "no such town", '"is_error": true' if name == "anthropic" else '"status": "error"')


@check("gemini", "bedrock", "ollama")
def thoughts_of_others_are_shown_and_given_back(name):
    messages = ask("!thinking")
    first = create(name, messages)
    equal([block.type for block in first.content], ["thinking", "text"])
    messages += [{"role": "assistant", "content": first.content}, *ask("Go on")]
    equal(texts(create(name, messages)), TEXT)
    equal(texts(create("anthropic", messages)), TEXT)
    assert "signature" not in sent(), "a signature went to somebody else"


@check()
def what_is_new_passes_to_the_same_format():
    more = {"metadata": {"user_id": "ada"}, "extra_body": {"brand_new": {"a": 1}}}
    client.beta.messages.create(**request("anthropic", ask("Hi"), **more), betas=["some-beta-2026-01-01"])
    body = seen()["last"]["body"]
    equal((body["brand_new"], body["metadata"], body["model"]), ({"a": 1}, {"user_id": "ada"}, "claude-haiku-4-5"))


@check("openai", "gemini", "bedrock", "ollama", "cohere")
def fields_that_are_lost_are_named(name):
    raw = client.messages.with_raw_response.create(**request(name, ask("Hi"), extra_body={"brand_new": 1}))
    holds(raw.headers["x-codeflow-dropped"], "brand_new")


@check()
def paths_that_are_not_there_are_not_found():
    error = raises(anthropic.NotFoundError, client.messages.batches.list)
    equal(error.body["error"]["type"], "not_found_error")


@check()
def a_reasoning_model_gets_its_own_name_for_the_limit():
    create("openai", ask("Hi"), max_tokens=77)
    equal((seen()["last"]["body"]["max_completion_tokens"], "max_tokens" in seen()["last"]["body"]), (77, False))


@check(*MODELS)
def a_stream_has_the_name_of_its_request(name):
    with client.messages.stream(**request(name, ask("Hi"))) as stream:
        assert stream.request_id.startswith("req_"), stream.request_id
        stream.until_done()


@check()
def a_route_falls_back():
    raw = client.messages.with_raw_response.create(**request("falls", ask("Hi")))
    equal(texts(raw.parse()), TEXT)
    equal(raw.headers["x-codeflow-provider"], "anthropic")
    equal(raw.headers["x-codeflow-route"], "falls")
    holds(raw.headers["x-codeflow-trail"], "broken/gpt-5.1")
    with client.messages.stream(**request("falls", ask("Hi"))) as stream:
        equal(stream.get_final_text(), TEXT)


@check(*MODELS)
def the_way_is_told(name):
    raw = client.messages.with_raw_response.create(**request(name, ask("Hi")))
    provider, model = MODELS[name].split("/", 1)
    equal(raw.headers["x-codeflow-provider"], provider)
    equal(raw.headers["x-codeflow-model"], model)
    equal(raw.headers["x-codeflow-attempts"], "1")
    equal(raw.headers["request-id"], raw.parse()._request_id)


@check()
def an_answer_is_kept():
    keeper = Anthropic(base_url=GATEWAY, api_key=KEY, max_retries=0).messages.with_raw_response
    same = request("anthropic", ask(f"Keep this {uuid.uuid4()}"))
    first = keeper.create(**same)
    before = seen()["requests"]
    second = keeper.create(**same)
    equal("x-codeflow-cache" in first.headers, False)
    equal(second.headers["x-codeflow-cache"], "hit")
    equal(texts(second.parse()), TEXT)
    equal(seen()["requests"], before)


@check("openai", "anthropic")
def a_client_may_run_out_of_patience(name):
    before, hasty = seen()["hung_up"], client.with_options(timeout=0.3)
    raises(anthropic.APITimeoutError, create, name, ask("!stops-before-head-hangs"), hasty)
    until(lambda: seen()["hung_up"] == before + 1, seconds=1.0)


@check(*MODELS)
def a_client_may_hang_up(name):
    before = seen()["hung_up"]
    with client.messages.stream(**request(name, ask("!stops-after-tokens-hangs"))) as stream:
        next(iter(stream))
    until(lambda: seen()["hung_up"] == before + 1, seconds=1.0)


@check(*MODELS)
async def the_other_client_does_the_same(name):
    async with AsyncAnthropic(base_url=GATEWAY, api_key=KEY, max_retries=0) as other:
        equal(texts(await other.messages.create(**request(name, ask("Hello")))), TEXT)
        async with other.messages.stream(**request(name, ask("!tools"), tools=TOOLS)) as stream:
            got = await stream.get_final_message()
        equal([call.input["city"] for call in calls(got)], CITIES)
        text = ""
        async with other.messages.stream(**request(name, ask("Hello"))) as stream:
            async for piece in stream.text_stream:
                text += piece
        equal(text, TEXT)


main()
