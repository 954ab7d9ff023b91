// OpenAI's npm package, unchanged, against the gateway.

import OpenAI from "openai";
import { randomUUID } from "node:crypto";
import assert from "node:assert/strict";

const { CODEFLOW_URL, PROVIDER_URL, CODEFLOW_KEY } = process.env;
const FRESH = { "cache-control": "no-store" };
const TEXT = "Grüße, 世界 🌍! Schön, von dir zu hören.";
const CITIES = ["Kyiv", "Zürich"];
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const MODELS = {
  openai: "openai/gpt-5.1",
  anthropic: "anthropic/claude-haiku-4-5",
  gemini: "gemini/gemini-2.5-flash",
  bedrock: "bedrock/amazon.nova-lite-v1:0",
  ollama: "ollama/llama3.1",
  cohere: "cohere/command-a-03-2025",
};
const ALL = Object.keys(MODELS);
const SOME = ["openai", "anthropic", "gemini"];
const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};
const FORMAT = { type: "json_schema", json_schema: { name: "weather", schema: SCHEMA, strict: true } };
const PARAMETERS = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const TOOLS = [{ type: "function", function: { name: "weather", description: "Tells it.", parameters: PARAMETERS } }];

const connect = (more = {}) =>
  new OpenAI({ baseURL: `${CODEFLOW_URL}/v1`, apiKey: CODEFLOW_KEY, defaultHeaders: FRESH, maxRetries: 0, ...more });
const client = connect();
const chats = client.chat.completions;
const as = (name, more) => connect({ apiKey: process.env[`CODEFLOW_${name}_KEY`], ...more });
const ask = (content) => [{ role: "user", content }];
const plain = (name, content = "Hello") => ({ model: MODELS[name], messages: ask(content) });
const seen = async () => (await fetch(`${PROVIDER_URL}/seen`)).json();
const sent = async () => JSON.stringify((await seen()).last.body);
const cities = (calls) => calls.map((call) => JSON.parse(call.function.arguments).city);

async function gather(stream) {
  let text = "";
  for await (const piece of stream) text += piece.choices[0]?.delta?.content ?? "";
  return text;
}

async function holds(text, ...words) {
  const all = await text;
  for (const word of words) assert.ok(all.includes(word), `${word} is not in ${all}`);
}

// The gateway has a second to let go of the provider.
async function hungUp(before) {
  const end = performance.now() + 1000;
  while ((await seen()).hung_up === before) assert.ok(performance.now() < end, "the provider is still asked");
}

async function raises(kind, promise) {
  const error = await promise.then((value) => assert.fail(`${kind.name} was expected, not ${JSON.stringify(value)}`), (error) => error);
  assert.equal(error.constructor.name, kind.name, error.stack);
  return error;
}

const checks = [];
const check = (name, cases, run) => checks.push(...(cases ?? [undefined]).map((one) => [name, one, run]));

check("a chat comes whole", ALL, async (name) => {
  const { data: got, request_id } = await chats.create(plain(name)).withResponse();
  assert.equal(got.choices[0].message.content, TEXT);
  assert.equal(got.choices[0].finish_reason, "stop");
  assert.deepEqual([got.usage.prompt_tokens, got.usage.completion_tokens], [20, 9]);
  assert.match(got._request_id, /^req_/);
  assert.equal(got._request_id, request_id);
});

check("a chat is streamed", ALL, async (name) => {
  assert.equal(await gather(await chats.create({ ...plain(name), stream: true })), TEXT);
});

check("a stream tells its usage", ALL, async (name) => {
  const told = [];
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const piece of await chats.create({ ...plain(name), ...options })) if (piece.usage) told.push(piece.usage);
  assert.equal(told.length, 1);
  assert.deepEqual([told[0].prompt_tokens, told[0].completion_tokens], [20, 9]);
});

check("tools are called in parallel, and their results come back", ALL, async (name) => {
  const messages = [{ role: "system", content: "Be brief." }, ...ask("!tools")];
  const { message, finish_reason } = (await chats.create({ model: MODELS[name], messages, tools: TOOLS })).choices[0];
  assert.equal(finish_reason, "tool_calls");
  assert.deepEqual(cities(message.tool_calls), CITIES);
  const results = ["sleet", "fog"].map((content, at) => ({ role: "tool", tool_call_id: message.tool_calls[at].id, content }));
  messages.push(message, ...results);
  const second = await chats.create({ model: MODELS[name], messages, tools: TOOLS });
  assert.equal(second.choices[0].message.content, TEXT);
  await holds(sent(), "sleet", "fog", "Be brief.", "Kyiv");
});

check("tool calls are streamed", ALL, async (name) => {
  const runner = chats.stream({ ...plain(name, "!tools"), tools: TOOLS });
  const got = await runner.finalChatCompletion();
  assert.deepEqual(cities(got.choices[0].message.tool_calls), CITIES);
  assert.equal(got.choices[0].finish_reason, "tool_calls");
});

check("tools are run by the package", SOME, async (name) => {
  const asked = [];
  const run = ({ city }) => (asked.push(city), `sleet in ${city}`);
  const weather = { name: "weather", description: "Tells it.", parameters: PARAMETERS, parse: JSON.parse, function: run };
  const tools = [{ type: "function", function: weather }];
  for (const stream of [false, true]) {
    asked.length = 0;
    assert.equal(await chats.runTools({ ...plain(name, "!tools"), tools, stream }).finalContent(), TEXT);
    assert.deepEqual(asked, CITIES);
    await holds(sent(), "sleet in Kyiv", "sleet in Zürich");
  }
});

check("an answer has a schema", ["openai", "anthropic", "gemini", "ollama", "cohere"], async (name) => {
  const got = await chats.parse({ ...plain(name, "!json"), response_format: FORMAT });
  assert.deepEqual(JSON.parse(got.choices[0].message.content), { city: "Zürich", degrees: 21 });
  await holds(sent(), "degrees");
});

check("pictures are seen", ["openai", "anthropic", "gemini", "bedrock"], async (name) => {
  const picture = { type: "image_url", image_url: { url: PIXEL } };
  const got = await chats.create(plain(name, [{ type: "text", text: "Look" }, picture, picture]));
  assert.equal(got.choices[0].message.content, "I see 2 pictures.");
});

check("the end is told", SOME, async (name) => {
  const reason = async (word) => (await chats.create(plain(name, word))).choices[0].finish_reason;
  assert.equal(await reason("!length"), "length");
  assert.equal(await reason("!stop-sequence"), "stop");
});

const EMBEDDERS = ["openai/text-embedding-3-small", "gemini/gemini-embedding-001", "cohere/embed-v4.0"];
check("texts become vectors", EMBEDDERS, async (model) => {
  const packed = await client.embeddings.create({ model, input: ["one", "two"] });
  const numbers = await client.embeddings.create({ model, input: ["one", "two"], encoding_format: "float" });
  assert.deepEqual(numbers.data.map((item) => item.index), [0, 1]);
  packed.data.forEach((item, at) => {
    assert.equal(item.embedding.length, 4);
    item.embedding.forEach((number, place) => assert.ok(Math.abs(number - numbers.data[at].embedding[place]) < 1e-6));
  });
});

check("models are listed", null, async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("fast") && ids.includes("openai/gpt-5.1"), ids.join());
  assert.equal((await client.models.retrieve("openai/gpt-5.1")).id, "openai/gpt-5.1");
  await raises(OpenAI.NotFoundError, client.models.retrieve("openai/none"));
});

check("errors are those of the package", null, async () => {
  const wrong = await raises(OpenAI.AuthenticationError, connect({ apiKey: "wrong-wrong-wrong-wrong" }).models.list());
  assert.equal(wrong.code, "invalid_api_key");
  assert.match(wrong.requestID, /^req_/);
  const narrow = await raises(OpenAI.PermissionDeniedError, as("NARROW").chat.completions.create(plain("openai")));
  assert.equal(narrow.param, "model");
  await raises(OpenAI.NotFoundError, chats.create({ ...plain("openai"), model: "nobody/none" }));
  const field = await raises(OpenAI.BadRequestError, chats.create({ ...plain("anthropic"), temperature: "warm" }));
  assert.equal(field.param, "temperature");
  const large = await raises(OpenAI.APIError, chats.create(plain("openai", "x".repeat(2 << 20))));
  assert.equal(large.status, 413);
});

check("a limit is told and waited for", null, async () => {
  let refused;
  for (let at = 0; at < 100 && !refused; at++) {
    refused = await as("LIMITED").chat.completions.create(plain("openai")).then(() => undefined, (error) => error);
  }
  assert.ok(refused instanceof OpenAI.RateLimitError, String(refused));
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  const began = performance.now();
  const got = await as("LIMITED", { maxRetries: 2 }).chat.completions.create(plain("openai"));
  assert.equal(got.choices[0].message.content, TEXT);
  assert.ok(performance.now() - began > 500, "the package did not wait");
});

check("a budget ends the calls at once", null, async () => {
  const before = (await seen()).requests;
  const refused = await raises(OpenAI.RateLimitError, as("POOR", { maxRetries: 3 }).chat.completions.create(plain("openai")));
  assert.equal(refused.code, "insufficient_quota");
  assert.equal((await seen()).requests, before);
});

check("a failure is tried again, and the way is told", ALL, async (name) => {
  const { data, response } = await chats.create(plain(name, `!once !fail-500 ${randomUUID()}`)).withResponse();
  assert.equal(data.choices[0].message.content, TEXT);
  assert.equal(response.headers.get("x-codeflow-attempts"), "2");
  assert.equal(response.headers.get("x-codeflow-provider"), name);
});

check("a route falls back", null, async () => {
  const { data, response } = await chats.create({ ...plain("openai"), model: "falls" }).withResponse();
  assert.equal(data.choices[0].message.content, TEXT);
  assert.equal(response.headers.get("x-codeflow-provider"), "anthropic");
});

check("an answer is kept", null, async () => {
  const keeper = connect({ defaultHeaders: {} }).chat.completions;
  const same = plain("openai", `Keep this ${randomUUID()}`);
  const hit = async () => (await keeper.create(same).withResponse()).response.headers.get("x-codeflow-cache");
  assert.equal(await hit(), null);
  assert.equal(await hit(), "hit");
});

check("a stream that breaks is no end", ALL, async (name) => {
  const stream = await chats.create({ ...plain(name, "!stops-after-tokens-closes"), stream: true });
  await raises(OpenAI.APIError, gather(stream));
});

check("a client may run out of patience", null, async () => {
  const before = (await seen()).hung_up;
  const hasty = connect({ timeout: 300 }).chat.completions;
  await raises(OpenAI.APIConnectionTimeoutError, hasty.create(plain("openai", "!stops-before-head-hangs")));
  await hungUp(before);
});

check("a client may hang up", ALL, async (name) => {
  const before = (await seen()).hung_up;
  const stream = await chats.create({ ...plain(name, "!stops-after-tokens-hangs"), stream: true });
  for await (const piece of stream) if (piece.choices[0]?.delta?.content) break;
  await hungUp(before);
});

let failed = 0;
for (const [name, one, run] of checks) {
  try {
    await run(one);
  } catch (error) {
    failed += 1;
    console.error(`FAILED ${name}${one ? ` [${one}]` : ""}\n${error.stack}`);
  }
}
console.log(`${checks.length} checks, ${failed} failed`);
process.exit(failed ? 1 : 0);
