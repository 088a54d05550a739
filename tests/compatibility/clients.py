"""List the clients, their versions, their settings, and the models of their cases."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TEXT, IMAGE, LOST = "text to video", "image to video", "lost answer"
CASES = (TEXT, IMAGE, LOST)  # in the last one, the answer to the first POST is lost, and the client sends it again
NO_RETRY = "it does not send a POST again after its answer was lost"


@dataclass(frozen=True)
class Repository:
    """A repository with a client that no package registry has. One commit is tried."""

    url: str
    commit: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Client:
    """A program of other people that uses the provider's API."""

    name: str  # of its package or its repository
    driver: str  # in drivers/
    does: str
    changed: str
    models: dict[str, str]  # by case
    keeps_path: bool = True  # of the base URL
    repository: Repository | None = None
    python: tuple[int, int] = (3, 11)  # the oldest version that it supports
    faked: str = ""
    lacks: dict[str, str] = field(default_factory=dict)  # why a case is missing
    fault: str = ""  # of the client, if a case is known to fail

    @property
    def language(self) -> str:
        return "JavaScript" if self.driver.endswith(".mjs") else "Python"

    @property
    def version(self) -> str:
        """Return the locked version."""
        if self.repository:
            return self.repository.commit[:7]
        if self.language == "JavaScript":
            return str(json.loads((HERE / "package.json").read_text())["dependencies"][self.name])
        locked = (ROOT / "requirements" / "compatibility.txt").read_text()
        found = re.search(rf"^{re.escape(self.name)}==(\S+)", locked, re.MULTILINE)
        assert found, f"{self.name} is not in requirements/compatibility.txt"
        return found[1]


AGNO = Client(
    "agno",
    "agno_tools.py",
    does="a framework for agents: its `AIMLAPITools`",
    changed="`base_url` and `api_key`",
    models={TEXT: "bytedance/seedance-2-5"},
    lacks={IMAGE: "its tool has no parameter for a picture", LOST: NO_RETRY},
)
PROVIDER_SDK = Client(
    "aimlapi-sdk-python",
    "provider_sdk.py",
    does="the provider's own SDK: `videos.generate_with_polling`",
    changed="`base_url` and `api_key`",
    models={TEXT: "google/veo3", IMAGE: "google/veo-3.0-i2v", LOST: "google/veo3"},
    keeps_path=False,
)
LANGCHAIN = Client(
    "langchain-aimlapi",
    "langchain_video.py",
    does="for LangChain: its `AimlapiVideoModel`, which uses the older path",
    changed="`base_url` and `api_key`",
    models={TEXT: "google/veo3"},
    lacks={IMAGE: "its model has no parameter for a picture", LOST: NO_RETRY},
)
OPENAI_PYTHON = Client(
    "openai",
    "openai_python.py",
    does="OpenAI's SDK: `post` and `get` with the provider's paths",
    changed="`base_url` and `api_key`",
    models={TEXT: "veo2", IMAGE: "veo2/image-to-video", LOST: "veo2"},
)
OPENAI_NODE = Client(
    "openai",
    "openai_node.mjs",
    does="OpenAI's SDK: `post` and `get` with the provider's paths",
    changed="`baseURL` and `apiKey`",
    models={TEXT: "veo2", IMAGE: "veo2/image-to-video", LOST: "veo2"},
)
N8N = Client(
    "n8n-nodes-aimlapi",
    "n8n_node.mjs",
    does="the node for n8n, which also reads the list of models",
    changed="the URL (hidden in the form of n8n) and the key of its credentials",
    models={TEXT: "google/veo3", IMAGE: "google/veo-3.1-i2v"},
    lacks={LOST: NO_RETRY},
    repository=Repository("https://github.com/D1m7asis/n8n-nodes-aimlapi", "a736e874e69e07c436da09bf39ec6cdb70a331a1"),
    faked="n8n itself is replaced, because it takes 400 MB: the driver gives the node its parameters and its "
    "credentials, and sends its requests with axios, as n8n does",
)
ARCREEL = Client(
    "ArcReel",
    "arcreel_backend.py",
    does="an application: its module for this API, which always sends `aspect_ratio`",
    changed="`base_url` and `api_key`",
    models={TEXT: "kling-video/v1.6/standard/text-to-video", IMAGE: "kling-video/v1.6/standard/image-to-video"},
    lacks={LOST: f"{NO_RETRY}; after a 5xx it does, without a sign, and needs a key with a repeat window"},
    repository=Repository("https://github.com/ArcReel/ArcReel", "f8c1ffd9c4db40ad8dd0121a851e52c12c86e413"),
    python=(3, 12),
    faked="its packages `lib`, `lib.video_backends` and `lib.image_backends` are replaced, because they import all its "
    "providers; the module and its other imports are real",
)
CLIENTS = (AGNO, PROVIDER_SDK, ARCREEL, LANGCHAIN, N8N, OPENAI_NODE, OPENAI_PYTHON)
QUICK = (PROVIDER_SDK, OPENAI_NODE)  # run in make test
