"""llm, chat completions."""

import llm_cases

llm_cases.run()
