// openai for Node, responses.

import OpenAI from "openai";
import * as it from "./case.mjs";
import { same } from "./case.mjs";

const client = new OpenAI({ baseURL: `${it.BASE_URL}/v1`, apiKey: it.KEY, maxRetries: 0, timeout: 60_000 });
const tools = [{ type: "function", name: "weather", description: "Tells the weather.", parameters: it.CITY, strict: true }];
const create = (request) => client.responses.create(request);
const streamed = (request) => client.responses.stream(request).finalResponse();
const ask = (input, options = {}) => ({ model: it.MODEL, instructions: "You are brief.", input, ...options });

async function chat() {
  const answer = await create(ask("[[hello]]"));
  same([answer.output_text, answer.status], [it.HELLO, "completed"]);
  same([answer.usage.input_tokens, answer.usage.output_tokens], [it.PROMPT, it.ANSWER]);
  same(answer.usage.input_tokens_details.cached_tokens, it.CACHED);
  if (it.UNTRANSLATED) same((await client.responses.retrieve(answer.id)).output_text, it.HELLO);
}

async function stream() {
  const events = await it.collected(await create(ask("[[hello]]", { stream: true })));
  const deltas = events.filter((event) => event.type === "response.output_text.delta");
  same(deltas.map((event) => event.delta).join(""), it.HELLO);
  same([events.at(-1).type, events.at(-1).response.usage.output_tokens], ["response.completed", it.ANSWER]);
}

async function tool() {
  for (const how of [create, streamed]) {
    const words = [{ role: "user", content: "How is the weather? [[tool]]" }];
    const first = await how(ask(words, { tools }));
    const [call] = first.output;
    same([call.type, call.name, JSON.parse(call.arguments)], ["function_call", "weather", { city: "Oslo" }]);
    const result = { type: "function_call_output", call_id: call.call_id, output: it.WEATHER };
    // Once with the whole conversation, and once with what the provider keeps of it.
    const said = { type: "function_call", call_id: call.call_id, name: call.name, arguments: call.arguments };
    same((await how(ask([...words, said, result], { tools }))).output_text, it.ANSWER_TO_WEATHER);
    if (!it.UNTRANSLATED) continue;
    const rest = await how(ask([result], { tools, previous_response_id: first.id }));
    same(rest.output_text, it.ANSWER_TO_WEATHER);
  }
}

async function error() {
  await it.fails(create(ask("[[error]]")), OpenAI.BadRequestError, it.REFUSAL);
  await it.fails(create(ask("[[error]]", { stream: true })), OpenAI.BadRequestError, it.REFUSAL);
  const stranger = client.withOptions({ apiKey: it.UNKNOWN_KEY });
  await it.fails(stranger.responses.create(ask("[[hello]]")), OpenAI.AuthenticationError);
}

async function cancel() {
  const answer = await create(ask("[[slow]]", { stream: true }));
  for await (const event of answer) if (event.delta === " token3") break;
  await it.closed();
}

await it.run({ chat, stream, tool, error, cancel });
