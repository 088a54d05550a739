"""Let the LangChain integration of AIML API make a video."""

import json
import os

from langchain_aimlapi import AimlapiVideoModel

model = AimlapiVideoModel(
    model=os.environ["MODEL"], api_key=os.environ["API_KEY"], base_url=f"{os.environ['BASE_URL']}/v2"
)
print(json.dumps({"url": model.invoke(os.environ["PROMPT"], poll_interval=1.0)}))
