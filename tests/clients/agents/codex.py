"""Codex, `codex exec`."""

import json
import time

import agent

BINARY = agent.package("@openai/codex-*/vendor/*/bin/codex")
FALLS_BACK_WITHIN = 5  # seconds, with the start of the program
AS_PROVIDER = """
model_provider = "weighbridge"
[model_providers.weighbridge]
name = "Weighbridge"
base_url = "{base_url}/v1"
env_key = "WEIGHBRIDGE_API_KEY"
wire_api = "responses"
"""
# The provider that Codex has built in, at another address: it tries a WebSocket first.
AS_OPENAI = """
openai_base_url = "{base_url}/v1"
"""


class Codex(agent.Driver):
    tool_name = app = "codex"
    # What a model is given differs: functions; functions and a patch as free text; programs that call the tools.
    models = ("auto", "gpt-5.5", "gpt-6.1-terra")
    as_openai = False

    @staticmethod
    def version():
        return agent.last_word([BINARY, "--version"])

    def command(self, words, model):
        quiet = ["--config", "features.plugins=false", "--config", "analytics.enabled=false"]
        options = ["--json", "--dangerously-bypass-approvals-and-sandbox", *(["--model", model] if model else [])]
        return [BINARY, "exec", *quiet, *options, words]

    def settings(self, key, model):
        settings = AS_OPENAI if self.as_openai else AS_PROVIDER
        agent.write(self.home / ".codex" / "config.toml", settings.format(base_url=agent.BASE_URL))
        agent.write(self.home / ".codex" / "auth.json", json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": key}))
        return {"WEIGHBRIDGE_API_KEY": key}

    def chat(self):
        super().chat()
        self.as_openai, began = True, time.monotonic()
        super().chat()
        took = time.monotonic() - began
        assert took < FALLS_BACK_WITHIN, f"it took {took:.1f} s to do without a WebSocket"

    def usage(self, said):
        used = said.events()[-1]["usage"]
        return used["input_tokens"], used["cached_input_tokens"], used["output_tokens"]


agent.run(Codex)
