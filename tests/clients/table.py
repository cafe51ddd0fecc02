"""The table of the matrix, as Markdown."""

import datetime
import platform


def markdown(clients, cases):
    columns = [*cases, "bytes"]
    lines = [
        f"| client | version | dialect | {' | '.join(columns)} |",
        f"| --- | --- | --- |{' :-: |' * len(columns)}",
    ]
    reasons = []
    for client in clients:
        marks = []
        for column in columns:
            if column not in client.reasons:
                marks.append("–")
                continue
            if reason := client.reasons[column]:
                reasons.append(f"- {client.name} · {client.dialect} · {column}: {reason}")
            marks.append("✗" if reason else "✓")
        lines.append(f"| {client.name} | {client.version} | {client.dialect} | {' | '.join(marks)} |")
    return "\n".join([*lines, *(["", *reasons] if reasons else [])])


HEAD = """# Clients

Real clients, unchanged but for a base URL and a key, in front of the proxy; behind it a scripted upstream that speaks
each dialect. `make clients` installs them, runs every case and writes this page: on {date}, with Weighbridge {version},
Python {python} and Node {node} on {system}.

"""

FOOT = """

What a column says:

- **chat**: a whole answer arrives, with its usage and the provider's request id where the client shows them.
- **stream**: a streamed answer arrives, with usage where the client asked for it and without where it did not.
- **tool**: a declared tool is called, its result is sent back, and the answer quotes it; whole and streamed. instructor's
  tool call is its structured output. A coding agent changes a file.
- **error**: the provider's 400 and an unknown key are what the client makes of them by itself: its own exceptions, with
  the provider's words.
- **cancel**: the client gives up a stream, and the upstream sees that within two seconds.
- **connect**: `weighbridge connect TOOL --write` sets a coding agent up in an empty home, and it works on what that wrote.
- **two tiers**: a coding agent does that twice with the model `auto`, once on routine work and once where data is at risk.
  Each conversation stays with one tier, not the same, and `weighbridge report` has the agent with its cost on both. The
  others have no such case.
- **bytes**: in all of these the upstream got the very bytes of the body that the client sent, but for the value of
  `model` and the usage option, and never the client's key.

Some things that the table does not say:

- Clients for Node run on the Node that `tests/clients/package.json` pins, because the newest of them want 22 or later.
- Of langchain-openai this is the newest that could be installed: 1.7.4 wants a newer certifi than the index had.
- Cursor is not here: its requests come from its makers' servers, so it needs a public address and cannot run without one.
- Between a client and the proxy there is a relay that reads along and passes bytes and connections on as they are.

The cases are in `tests/clients/`, one driver for each client. `make clients ARGS='--only PATTERN'` runs some of them, and
`ARGS='--behind DIALECT'` all of them in front of endpoints of one dialect, so that what the others say is translated.
"""


def write(path, text, weighbridge, node):
    head = HEAD.format(
        date=datetime.date.today().isoformat(),
        version=weighbridge,
        python=platform.python_version(),
        node=node,
        system=f"{platform.system()} {platform.machine()}",
    )
    path.write_text(head + text + FOOT)
