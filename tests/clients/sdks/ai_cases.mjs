// What the drivers of the Vercel AI SDK have in common: the same cases over each of its provider packages.

import { APICallError, generateText, stepCountIs, streamText, tool as declare } from "ai";
import { z } from "zod";
import * as it from "./case.mjs";
import { same } from "./case.mjs";

/** `provider(key)` gives the model of that provider package. */
export async function run(provider) {
  const model = provider(it.KEY);
  const ask = (prompt, more = {}) => ({ model, instructions: "You are brief.", prompt, maxRetries: 0, onError() {}, ...more });
  const refused = (status) => (error) => APICallError.isInstance(error) && error.statusCode === status;
  const usage = (told) => [told.inputTokens, told.inputTokenDetails.cacheReadTokens, told.outputTokens];

  async function chat() {
    const answer = await generateText(ask("[[hello]]"));
    same([answer.text, answer.finishReason], [it.HELLO, "stop"]);
    same(usage(answer.usage), [it.PROMPT, it.CACHED, it.ANSWER]);
  }

  async function stream() {
    const answer = streamText(ask("[[hello]]"));
    same((await it.collected(answer.textStream)).join(""), it.HELLO);
    same(usage(await answer.usage), [it.PROMPT, it.CACHED, it.ANSWER]);
  }

  async function tool() {
    const weather = declare({
      description: "Tells the weather.",
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `14 degrees and rain in ${city}`,
    });
    const request = ask("How is the weather? [[tool]]", { tools: { weather }, stopWhen: stepCountIs(3) });
    const answer = await generateText(request);
    same([answer.text.replaceAll('"', ""), answer.steps.length], [it.ANSWER_TO_WEATHER, 2]);
    const streamed = streamText(request);
    same((await streamed.text).replaceAll('"', ""), it.ANSWER_TO_WEATHER);
  }

  async function error() {
    await it.fails(generateText(ask("[[error]]")), refused(400), it.REFUSAL);
    let seen;
    await streamText(ask("[[error]]", { onError: ({ error }) => (seen = error) })).consumeStream();
    await it.fails(Promise.reject(seen), refused(400), it.REFUSAL);
    await it.fails(generateText(ask("[[hello]]", { model: provider(it.UNKNOWN_KEY) })), refused(401));
  }

  async function cancel() {
    const giveUp = new AbortController();
    const answer = streamText(ask("[[slow]]", { abortSignal: giveUp.signal }));
    for await (const piece of answer.textStream) {
      if (!piece.includes("token3")) continue;
      giveUp.abort();
      break;
    }
    await it.closed();
  }

  await it.run({ chat, stream, tool, error, cancel });
}
