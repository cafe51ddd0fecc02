// @anthropic-ai/sdk, messages and count_tokens.

import Anthropic from "@anthropic-ai/sdk";
import * as it from "./case.mjs";
import { same } from "./case.mjs";

const client = new Anthropic({ baseURL: it.BASE_URL, apiKey: it.KEY, maxRetries: 0, timeout: 60_000 });
const tools = [{ name: "weather", description: "Tells the weather.", input_schema: it.CITY }];
const create = (request) => client.messages.create(request);
const beta = (request) => client.beta.messages.create(request);
const streamed = (request) => client.messages.stream(request).finalMessage();

const ask = (words, options = {}) => ({
  model: it.MODEL,
  max_tokens: 500,
  system: [{ type: "text", text: "You are brief.", cache_control: { type: "ephemeral" } }],
  messages: [{ role: "user", content: words }],
  ...options,
});

const usage = ({ usage }) => [usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens];

async function chat() {
  const answer = await create(ask("[[hello]]"));
  same([answer.content[0].text, answer.stop_reason], [it.HELLO, "end_turn"]);
  same(usage(answer), [it.FRESH, it.CACHED, it.ANSWER]);
  same(answer._request_id, it.UNTRANSLATED ? "req_scripted" : answer._request_id ?? "none");
  const messages = [{ role: "user", content: "[[hello]]" }];
  const count = await client.messages.countTokens({ model: it.MODEL, messages });
  same(count.input_tokens > 0, true);
}

async function stream() {
  const pieces = [];
  const events = client.messages.stream(ask("[[hello]]")).on("text", (piece) => pieces.push(piece));
  const answer = await events.finalMessage();
  same([pieces.join(""), answer.content[0].text], [it.HELLO, it.HELLO]);
  same(usage(answer), [it.FRESH, it.CACHED, it.ANSWER]);
}

async function tool() {
  for (const how of [create, beta, streamed]) {
    const request = ask("How is the weather? [[tool]]", { tools });
    const answer = await how(request);
    const [call] = answer.content;
    same([call.name, call.input, answer.stop_reason], ["weather", { city: "Oslo" }, "tool_use"]);
    const result = { type: "tool_result", tool_use_id: call.id, content: it.WEATHER };
    const { type, id, name, input } = call;
    request.messages.push({ role: "assistant", content: [{ type, id, name, input }] }, { role: "user", content: [result] });
    same((await how(request)).content[0].text, it.ANSWER_TO_WEATHER);
  }
}

async function error() {
  await it.fails(create(ask("[[error]]")), Anthropic.BadRequestError, it.REFUSAL);
  await it.fails(streamed(ask("[[error]]")), Anthropic.BadRequestError, it.REFUSAL);
  const stranger = client.withOptions({ apiKey: it.UNKNOWN_KEY });
  await it.fails(stranger.messages.create(ask("[[hello]]")), Anthropic.AuthenticationError);
}

async function cancel() {
  const answer = await create(ask("[[slow]]", { stream: true }));
  for await (const event of answer) if (event.delta?.text === " token3") break;
  await it.closed();
}

await it.run({ chat, stream, tool, error, cancel });
