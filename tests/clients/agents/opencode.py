"""opencode, `opencode run`."""

import json

import agent

BINARY = agent.package("opencode-linux-*/bin/opencode")


class Opencode(agent.Driver):
    tool_name = app = "opencode"
    quiet = {f"OPENCODE_DISABLE_{what}": "1" for what in ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")}

    @staticmethod
    def version():
        return agent.last_word([BINARY, "--version"])

    def command(self, words, model):
        return [BINARY, "run", "--format", "json", words]

    def settings(self, key, model):
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Weighbridge",
            "options": {"baseURL": f"{agent.BASE_URL}/v1", "apiKey": "{env:WEIGHBRIDGE_API_KEY}"},
            "models": {model: {"name": model, "limit": {"context": 200_000, "output": 32_000}}},
        }
        settings = {
            "autoupdate": False,
            "share": "disabled",
            "model": f"weighbridge/{model}",
            "small_model": f"weighbridge/{model}",
            "provider": {"weighbridge": provider},
        }
        agent.write(self.home / ".config" / "opencode" / "opencode.json", json.dumps(settings))
        return {"WEIGHBRIDGE_API_KEY": key}

    def usage(self, said):
        used = next(event["part"]["tokens"] for event in said.events() if event["type"] == "step_finish")
        cached = used["cache"]["read"]
        return used["input"] + cached, cached, used["output"]


agent.run(Opencode)
