"""Let the provider's own SDK make a video and download it."""

import base64
import json
import os
from pathlib import Path

from aimlapi import AIMLAPI

more = {}
if picture := os.environ.get("PICTURE"):
    text = base64.b64encode(Path(picture).read_bytes()).decode()
    more["extra_body"] = {"image_url": f"data:image/png;base64,{text}"}
client = AIMLAPI(api_key=os.environ["API_KEY"], base_url=f"{os.environ['BASE_URL']}/v1")
video = client.videos.generate_with_polling(
    model=os.environ["MODEL"], prompt=os.environ["PROMPT"], poll_interval=1.0, return_bytes=True, **more
)
Path(os.environ["VIDEO"]).write_bytes(video)
print(json.dumps({"url": None}))
