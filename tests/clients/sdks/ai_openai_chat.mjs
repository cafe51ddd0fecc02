// The Vercel AI SDK with @ai-sdk/openai, chat completions.

import { createOpenAI } from "@ai-sdk/openai";
import { run } from "./ai_cases.mjs";
import { BASE_URL, MODEL } from "./case.mjs";

await run((apiKey) => createOpenAI({ baseURL: `${BASE_URL}/v1`, apiKey }).chat(MODEL));
