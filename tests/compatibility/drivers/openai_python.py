"""Let OpenAI's SDK for Python send the provider's calls, with its own headers, retries and errors."""

import base64
import json
import os
import time
from pathlib import Path

import httpx
from openai import OpenAI

PATH = "/v2/video/generations"

body = {"model": os.environ["MODEL"], "prompt": os.environ["PROMPT"]}
if picture := os.environ.get("PICTURE"):
    body["image_url"] = f"data:image/png;base64,{base64.b64encode(Path(picture).read_bytes()).decode()}"
client = OpenAI(api_key=os.environ["API_KEY"], base_url=os.environ["BASE_URL"])
job = client.post(PATH, cast_to=httpx.Response, body=body).json()
while job["status"] in ("queued", "generating"):
    time.sleep(1)
    found = client.get(PATH, cast_to=httpx.Response, options={"params": {"generation_id": job["id"]}})
    job = found.json()
print(json.dumps({"url": job["video"]["url"]}))
