"""aider, `aider --message`. It has no tools: the model writes edits, aider makes them and runs a test."""

import agent
import script

BINARY = agent.CLIENTS / "agents" / "python" / "bin" / "aider"
TEST = f"""python3 {script.FILE} | tee {script.OUTPUT}; grep -qx Goodbye {script.OUTPUT} || (echo Goodby is not Goodbye; false)"""


class Aider(agent.Driver):
    @staticmethod
    def version():
        return agent.last_word([BINARY, "--version"])

    def launch(self, words, key, model):
        quiet = ["--no-analytics", "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings"]
        plain = ["--no-gitignore", "--no-pretty", "--no-fancy-input", "--yes-always", "--edit-format", "diff"]
        test = ["--auto-test", "--test-cmd", TEST] if self.tests else []
        command = [BINARY, "--model", f"openai/{model}", *quiet, *plain, *test, "--message", words, script.FILE]
        environment = {
            "OPENAI_API_BASE": f"{agent.BASE_URL}/v1",
            "OPENAI_API_KEY": key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        return agent.Launch(command, environment)

    tests = False

    def task(self):
        return "[[blocks]]"

    def tool(self):
        self.tests = True
        super().tool()

    def ended_well(self, said):
        agent.same(said.code, 0)


agent.run(Aider)
