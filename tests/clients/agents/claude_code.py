"""Claude Code, `claude -p`."""

import agent

BINARY = agent.package("@anthropic-ai/claude-code-*/claude")


class ClaudeCode(agent.Driver):
    tool_name = app = "claude-code"
    models = ("auto", "claude-sonnet-4-5")
    quiet = {
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
    }

    @staticmethod
    def version():
        return agent.first_word([BINARY, "--version"])

    def command(self, words, model):
        tools = ["--allowedTools", "Read,Edit,Write,Bash", "--permission-mode", "acceptEdits"]
        output = ["--output-format", "stream-json", "--include-partial-messages", "--verbose"]
        return [BINARY, "-p", words, *(["--model", model] if model else []), *output, *tools]

    def settings(self, key, model):
        return {"ANTHROPIC_BASE_URL": agent.BASE_URL, "ANTHROPIC_AUTH_TOKEN": key}

    def usage(self, said):
        used = said.events()[-1]["usage"]
        cached = used["cache_read_input_tokens"]
        return used["input_tokens"] + cached, cached, used["output_tokens"]

    def chat(self):
        super().chat()
        agent.contains(self.ask("/context").out, "Context Usage")  # it has two dozen pieces counted

    def stream(self):
        super().stream()
        events = [event["event"] for event in self.ask("[[hello]]").events() if event["type"] == "stream_event"]
        pieces = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
        agent.same(pieces, ["Hello,", " world."])


agent.run(ClaudeCode)
