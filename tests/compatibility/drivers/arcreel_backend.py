"""Let ArcReel's module for this API make a video and download it.

ArcReel is an application with many dependencies, and its packages import all its providers. This loads only the one
module and its imports.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from types import ModuleType

checkout = Path(os.environ["CHECKOUT"])
for name in ("lib", "lib.video_backends", "lib.image_backends"):
    package = ModuleType(name)
    package.__path__ = [str(checkout.joinpath(*name.split(".")))]
    sys.modules[name] = package

from lib.video_backends.base import VideoGenerationRequest  # noqa: E402
from lib.video_backends.v2_video_generations import V2VideoGenerationsBackend  # noqa: E402

picture = os.environ.get("PICTURE")
backend = V2VideoGenerationsBackend(
    api_key=os.environ["API_KEY"], base_url=os.environ["BASE_URL"], model=os.environ["MODEL"]
)
request = VideoGenerationRequest(
    prompt=os.environ["PROMPT"],
    output_path=Path(os.environ["VIDEO"]),
    start_image=Path(picture) if picture else None,
)
result = asyncio.run(backend.generate(request))
print(json.dumps({"url": result.video_uri}))
