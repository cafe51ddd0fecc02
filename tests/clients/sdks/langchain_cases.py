"""What the two drivers of langchain-openai have in common: the same cases over chat completions and over responses."""

import case
import openai
from case import same
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool as as_tool
from langchain_openai import ChatOpenAI


@as_tool
def weather(city: str) -> str:
    """Tells the weather."""
    return f"14 degrees and rain in {city}"


def model(key=case.KEY, **options):
    return ChatOpenAI(
        model=case.MODEL, base_url=f"{case.BASE_URL}/v1", api_key=key, max_retries=0, timeout=60, stream_usage=True, **options
    )


def usage(answer):
    told = answer.usage_metadata
    return told["input_tokens"], told["input_token_details"]["cache_read"], told["output_tokens"]


def run(**options):
    llm = model(**options)

    def chat():
        answer = llm.invoke("[[hello]]")
        same(answer.text, case.HELLO)
        same(usage(answer), (case.PROMPT, case.CACHED, case.ANSWER))

    def stream():
        first, *rest = llm.stream("[[hello]]")
        answer = sum(rest, first)
        same(answer.text, case.HELLO)
        same(usage(answer), (case.PROMPT, case.CACHED, case.ANSWER))

    def tool():
        def streamed(llm, messages):
            first, *rest = llm.stream(messages)
            return sum(rest, first)

        with_tools = llm.bind_tools([weather])
        for create in type(with_tools).invoke, streamed:
            messages = [HumanMessage("How is the weather? [[tool]]")]
            answer = create(with_tools, messages)
            (call,) = answer.tool_calls
            same((call["name"], call["args"]), ("weather", {"city": "Oslo"}))
            messages += [answer, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]
            same(create(with_tools, messages).text, case.ANSWER_TO_WEATHER)

    def error():
        with case.raises(openai.BadRequestError, case.REFUSAL):
            llm.invoke("[[error]]")
        with case.raises(openai.BadRequestError, case.REFUSAL):
            list(llm.stream("[[error]]"))
        with case.raises(openai.AuthenticationError):
            model(case.UNKNOWN_KEY, **options).invoke("[[hello]]")

    def cancel():
        pieces = llm.stream("[[slow]]")
        for number, _ in enumerate(pieces):
            if number == 6:
                pieces.close()
                return case.closed()

    case.run(chat=chat, stream=stream, tool=tool, error=error, cancel=cancel)
