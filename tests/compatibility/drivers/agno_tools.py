"""Let agno's tool for AIML API make a video."""

import json
import os
from pathlib import Path

from agno.tools.models.aimlapi import AIMLAPITools

tools = AIMLAPITools(
    api_key=os.environ["API_KEY"],
    base_url=os.environ["BASE_URL"],
    video_model=os.environ["MODEL"],
    video_poll_interval=1.0,
)
result = tools.generate_video(os.environ["PROMPT"])
if not result.videos:
    raise SystemExit(result.content)
Path(os.environ["VIDEO"]).write_bytes(result.videos[0].content)
print(json.dumps({"url": None}))
