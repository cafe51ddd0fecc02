"""langchain-openai, responses."""

import langchain_cases

langchain_cases.run(use_responses_api=True)
