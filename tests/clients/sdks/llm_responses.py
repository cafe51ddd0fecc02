"""llm, responses."""

import llm_cases

llm_cases.run(responses=True)
