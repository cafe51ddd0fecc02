"""What the two drivers of the command `llm` have in common: the same cases over chat completions and over responses."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import case
from case import same

WEATHER = '''
def weather(city: str) -> str:
    "Tells the weather."
    return f"14 degrees and rain in {city}"
'''


def run(**options):
    home = tempfile.TemporaryDirectory()
    model = {
        "model_id": "matrix",
        "model_name": case.MODEL,
        "api_base": f"{case.BASE_URL}/v1",
        "api_key_name": "matrix",
        "supports_tools": True,
    }
    # JSON is YAML too.
    Path(home.name, "extra-openai-models.yaml").write_text(json.dumps([model | options]))
    llm = [Path(sys.executable).with_name("llm"), "prompt", "-m", "matrix"]
    environment = os.environ | {"LLM_USER_PATH": home.name}

    def ask(words, *more, key=case.KEY):
        return subprocess.run([*llm, "--key", key, *more, words], env=environment, capture_output=True, text=True)

    def says(answer, words):
        same((answer.returncode, answer.stdout.strip()), (0, words))

    def chat():
        answer = ask("[[hello]]", "--no-stream", "--usage")
        says(answer, case.HELLO)
        case.contains(answer.stderr, f"{case.PROMPT:,} input, {case.ANSWER} output")

    def stream():
        answer = ask("[[hello]]", "--usage")
        says(answer, case.HELLO)
        case.contains(answer.stderr, f"{case.PROMPT:,} input, {case.ANSWER} output")

    def tool():
        for more in [], ["--no-stream"]:
            says(ask("How is the weather? [[tool]]", "--functions", WEATHER, *more), case.ANSWER_TO_WEATHER)

    def error():
        refused = ask("[[error]]")
        same(refused.returncode, 1)
        case.contains(refused.stderr, case.REFUSAL)
        unknown = ask("[[hello]]", key=case.UNKNOWN_KEY)
        same(unknown.returncode, 1)
        case.contains(unknown.stderr, "401")

    def cancel():
        process = subprocess.Popen([*llm, "--key", case.KEY, "[[slow]]"], env=environment, stdout=subprocess.PIPE)
        same(process.stdout.read(6), b"token0")
        process.send_signal(signal.SIGINT)
        process.wait()
        case.closed()

    case.run(chat=chat, stream=stream, tool=tool, error=error, cancel=cancel)
