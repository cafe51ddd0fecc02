// The Vercel AI SDK with @ai-sdk/anthropic, messages.

import { createAnthropic } from "@ai-sdk/anthropic";
import { run } from "./ai_cases.mjs";
import { BASE_URL, MODEL } from "./case.mjs";

await run((apiKey) => createAnthropic({ baseURL: `${BASE_URL}/v1`, apiKey })(MODEL));
