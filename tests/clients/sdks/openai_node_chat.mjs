// openai for Node, chat completions.

import OpenAI from "openai";
import * as it from "./case.mjs";
import { same } from "./case.mjs";

const client = new OpenAI({ baseURL: `${it.BASE_URL}/v1`, apiKey: it.KEY, maxRetries: 0, timeout: 60_000 });
const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather.", parameters: it.CITY } }];
const create = (request) => client.chat.completions.create(request);
const streamed = (request) => client.chat.completions.stream(request).finalChatCompletion();

const ask = (words, options = {}) => ({
  model: it.MODEL,
  messages: [
    { role: "developer", content: "You are brief." },
    { role: "user", content: words },
  ],
  ...options,
});

async function chat() {
  const answer = await create(ask("[[hello]]"));
  same(answer.choices[0].message.content, it.HELLO);
  same([answer.usage.prompt_tokens, answer.usage.completion_tokens], [it.PROMPT, it.ANSWER]);
  same(answer.usage.prompt_tokens_details.cached_tokens, it.CACHED);
  same(answer._request_id, it.UNTRANSLATED ? "req_scripted" : answer._request_id ?? "none");
}

async function stream() {
  const text = (chunks) => chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  const plain = await it.collected(await create(ask("[[hello]]", { stream: true })));
  same([text(plain), plain.every((chunk) => chunk.usage == null)], [it.HELLO, true]);
  const options = { stream: true, stream_options: { include_usage: true } };
  const chunks = await it.collected(await create(ask("[[hello]]", options)));
  const last = chunks.pop();
  same([text(chunks), last.choices, last.usage.completion_tokens], [it.HELLO, [], it.ANSWER]);
}

async function tool() {
  for (const how of [create, streamed]) {
    const request = ask("How is the weather? [[tool]]", { tools });
    const { message } = (await how(request)).choices[0];
    const [call] = message.tool_calls;
    same([call.function.name, JSON.parse(call.function.arguments)], ["weather", { city: "Oslo" }]);
    request.messages.push(message, { role: "tool", tool_call_id: call.id, content: it.WEATHER });
    same((await how(request)).choices[0].message.content, it.ANSWER_TO_WEATHER);
  }
}

async function error() {
  await it.fails(create(ask("[[error]]")), OpenAI.BadRequestError, it.REFUSAL);
  await it.fails(create(ask("[[error]]", { stream: true })), OpenAI.BadRequestError, it.REFUSAL);
  const stranger = client.withOptions({ apiKey: it.UNKNOWN_KEY });
  await it.fails(stranger.chat.completions.create(ask("[[hello]]")), OpenAI.AuthenticationError);
}

async function cancel() {
  const answer = await create(ask("[[slow]]", { stream: true }));
  for await (const chunk of answer) if (chunk.choices[0].delta.content === " token3") break;
  await it.closed();
}

await it.run({ chat, stream, tool, error, cancel });
