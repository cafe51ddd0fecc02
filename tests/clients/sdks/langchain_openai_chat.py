"""langchain-openai, chat completions."""

import langchain_cases

langchain_cases.run()
