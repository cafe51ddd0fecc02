"""aider, `aider --message`. It has no tools: the model writes edits, aider makes them and runs a test."""

import agent
import script

BINARY = agent.CLIENTS / "agents" / "python" / "bin" / "aider"
QUIET = ["--no-analytics", "--no-check-update", "--no-show-release-notes"]
TEST = f"""python3 {script.FILE} | tee {script.OUTPUT}; grep -qx Goodbye {script.OUTPUT} || (echo Goodby is not Goodbye; false)"""


class Aider(agent.Driver):
    tool_name = "aider"
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    tests = False

    @staticmethod
    def version():
        return agent.last_word([BINARY, "--version"])

    def command(self, words, model):
        plain = ["--no-gitignore", "--no-pretty", "--no-fancy-input", "--yes-always", "--edit-format", "diff"]
        test = ["--auto-test", "--test-cmd", TEST] if self.tests else []
        named = ["--model", f"openai/{model}", "--no-show-model-warnings"] if model else []
        return [BINARY, *named, *QUIET, *plain, *test, "--message", words, script.FILE]

    def settings(self, key, model):
        return {"OPENAI_API_BASE": f"{agent.BASE_URL}/v1", "OPENAI_API_KEY": key}

    def variables(self):
        return {"OPENAI_API_KEY": agent.KEY}  # the line for the shell that `connect` prints

    def task(self):
        return "[[blocks]]"

    def tool(self):
        self.tests = True
        super().tool()

    def connect(self):
        self.tests = True
        super().connect()

    def ended_well(self, said):
        agent.same(said.code, 0)


agent.run(Aider)
