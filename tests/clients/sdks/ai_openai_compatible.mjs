// The Vercel AI SDK with @ai-sdk/openai-compatible, chat completions.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { run } from "./ai_cases.mjs";
import { BASE_URL, MODEL } from "./case.mjs";

const options = { name: "weighbridge", baseURL: `${BASE_URL}/v1`, includeUsage: true };
await run((apiKey) => createOpenAICompatible({ ...options, apiKey })(MODEL));
