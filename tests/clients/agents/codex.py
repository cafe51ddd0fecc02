"""Codex, `codex exec`."""

import agent

BINARY = agent.package("@openai/codex-*/vendor/*/bin/codex")
SETTINGS = """
model_provider = "weighbridge"
check_for_update_on_startup = false

[model_providers.weighbridge]
name = "Weighbridge"
base_url = "{base_url}/v1"
env_key = "WEIGHBRIDGE_API_KEY"
wire_api = "responses"

[analytics]
enabled = false
"""


class Codex(agent.Driver):
    app = "codex"
    # What a model is given differs: functions; functions and a patch as free text; programs that call the tools.
    models = ("auto", "gpt-5.5", "gpt-6.1-terra")

    @staticmethod
    def version():
        return agent.last_word([BINARY, "--version"])

    def launch(self, words, key, model):
        agent.write(self.home / ".codex" / "config.toml", SETTINGS.format(base_url=agent.BASE_URL))
        command = [BINARY, "exec", "--json", "--dangerously-bypass-approvals-and-sandbox", "--model", model, words]
        return agent.Launch(command, {"WEIGHBRIDGE_API_KEY": key})

    def usage(self, said):
        used = said.events()[-1]["usage"]
        return used["input_tokens"], used["cached_input_tokens"], used["output_tokens"]


agent.run(Codex)
