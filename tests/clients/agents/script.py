"""What the scripted upstream has a coding agent do: read a file, change it, run it, and say what came of it.

The words `[[agent:FOLDER]]` ask for it; FOLDER holds `greeting.py`, which says Hello and is to say Goodbye. The tools are
those that the request declares. Agents without tools write edits into their answer: `[[blocks]]` asks for those, wrong at
first, so that they have to look at what their test says.
"""

import re

from dialects import anthropic_messages, openai_chat, openai_responses

TURNS = {
    "openai-chat": openai_chat.turns,
    "openai-responses": openai_responses.turns,
    "anthropic-messages": anthropic_messages.turns,
}
MARKER = re.compile(r"\[\[(agent|blocks)(?::([^\]\s]+))?\]\]")
FILE, OUTPUT = "greeting.py", "said.txt"
BEFORE, AFTER = 'print("Hello")', 'print("Goodbye")'
SLIP = 'print("Goodby")'
TITLE = "A greeting"
DONE = "The program says Goodbye."

PATCH = """*** Begin Patch
*** Update File: {file}
@@
-{before}
+{after}
*** End Patch"""

BLOCK = """{file}
```python
<<<<<<< SEARCH
{before}
=======
{after}
>>>>>>> REPLACE
```"""


def next_step(dialect, body):
    """What the model says next: {"text"} or {"tool", "arguments", "kind"}; None if it is not asked to be an agent."""
    turns = TURNS[dialect](body)
    places = [place for place, turn in enumerate(turns) if turn.who == "human" and MARKER.search(turn.text)]
    if not places:
        return None
    kind, folder = MARKER.findall(turns[places[-1]].text)[-1]
    if kind == "blocks":
        return blocks(turns)
    results = [turn.text for turn in turns[places[-1] :] if turn.who == "result"]
    steps = calls(folder, declared(body))
    if not steps:  # a request beside the conversation, such as one for its title
        return {"text": TITLE}
    if len(results) < len(steps):
        return steps[len(results)]
    return {"text": DONE if "Goodbye" in results[-1] else f"It does not say Goodbye but: {results[-1]}"}


def blocks(turns):
    """The first edit has a slip, which the test finds."""
    last = next(turn.text for turn in reversed(turns) if turn.who == "human")
    if "SEARCH/REPLACE" not in "".join(turn.text for turn in turns if turn.who == "human"):
        return {"text": TITLE}
    if "Goodby is not Goodbye" in last:
        return {"text": BLOCK.format(file=FILE, before=SLIP, after=AFTER)}
    return {"text": BLOCK.format(file=FILE, before=BEFORE, after=SLIP)}


def declared(body):
    """The names of the tools that a request declares, wherever its dialect has them."""
    lists = [body.get("tools") or []]
    if isinstance(body.get("input"), list):
        lists += [item["tools"] for item in body["input"] if item.get("type") == "additional_tools"]
    names = set()
    while lists:
        for tool in lists.pop():
            names.add(tool.get("name") or tool.get("function", {}).get("name"))
            if tool.get("type") == "namespace":
                lists.append(tool["tools"])
    return names


def calls(folder, tools):
    """Reading, editing and running with the tools that there are."""
    path = f"{folder}/{FILE}"
    show, run = f"cat {path}", f"cd {folder} && python3 {FILE} | tee {OUTPUT}"
    patch = PATCH.format(file=FILE, before=BEFORE, after=AFTER)
    if {"Read", "Edit", "Bash"} <= tools:
        return [
            call("Read", file_path=path),
            call("Edit", file_path=path, old_string=BEFORE, new_string=AFTER),
            call("Bash", command=run, description="Run the program"),
        ]
    if {"read", "edit", "bash"} <= tools:
        return [
            call("read", filePath=path),
            call("edit", filePath=path, oldString=BEFORE, newString=AFTER),
            call("bash", command=run, description="Run the program"),
        ]
    if "exec" in tools:  # the model writes programs that call the tools
        return [
            custom("exec", f"text((await tools.exec_command({{cmd: {show!r}}})).output)"),
            custom("exec", f"text(await tools.apply_patch({patch!r}))"),
            custom("exec", f"text((await tools.exec_command({{cmd: {run!r}}})).output)"),
        ]
    if "exec_command" in tools:
        edit = custom("apply_patch", patch) if "apply_patch" in tools else call("exec_command", cmd=sed(path))
        return [call("exec_command", cmd=show), edit, call("exec_command", cmd=run)]
    return []


def sed(path):
    return f"sed -i 's/Hello/Goodbye/' {path}"


def call(tool, **arguments):
    return {"tool": tool, "arguments": arguments}


def custom(tool, text):
    return {"tool": tool, "arguments": text, "kind": "custom"}
