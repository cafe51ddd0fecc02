// What the Node drivers have in common. Each is called as DRIVER CASE BASE_URL KEY and does one case; `case.py` says what
// the cases are. Exit code 0 says that the case holds.

import { deepStrictEqual, ok } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";

export const [CASE, BASE_URL, KEY] = process.argv.slice(2);
export const UNKNOWN_KEY = `${KEY}-unknown`;
export const MODEL = "auto";
// Whether an endpoint of the client's own dialect answers. Of another one, the provider's ids mean nothing to the client.
export const UNTRANSLATED = !("TRANSLATED" in process.env);
export const HELLO = "Hello, world.";
export const REFUSAL = "The scripted upstream refuses this, as it was asked to.";
// What the upstream says of usage: 1200 tokens of prompt, of which 1000 were cached, and two of "Hello, world."
export const [PROMPT, CACHED, FRESH, ANSWER] = [1200, 1000, 200, 2];

// A tool as JSON Schema has it, its result, and the answer to that.
export const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const WEATHER = "14 degrees and rain in Oslo";
export const ANSWER_TO_WEATHER = `The tool said: ${WEATHER}`;

export const same = deepStrictEqual;

/** Holds if the promise fails with an error of this class, or that this function takes, and with these words. */
export async function fails(promise, kind, words = "") {
  let error;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  ok(error, "no error came");
  ok(kind.prototype ? error instanceof kind : kind(error), `an error of another kind: ${error?.stack}`);
  ok(error.message.includes(words), `${JSON.stringify(words)} is not in ${JSON.stringify(error.message)}`);
}

/** A stream has been closed. The process stays, so that it is not its end that closes the connection. */
export async function closed() {
  console.log(`closed ${Date.now() / 1000}`);
  await pause(2200);
}

export async function collected(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

export async function run(cases) {
  await cases[CASE]();
  process.exit(0); // connections are kept alive, and would keep the process too
}
