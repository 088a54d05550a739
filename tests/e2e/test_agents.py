"""Let an agent make a video on the deployed stack, with the command that a host starts."""

import sys
from typing import Any

import anyio
import requests
from mcp import Client as Host
from mcp import StdioServerParameters, stdio_client

from promptreel.operator.keys import ApiKeys
from tests.support.local_cloud import LocalCloud, Run, unique


def test_an_agent_makes_one_video_within_its_budget(cloud: LocalCloud, run: Run) -> None:
    key, kept = ApiKeys(cloud.aws("secretsmanager"), cloud.stack.api_keys_secret_arn).create("agent", scope="create")
    prompt = unique("an agent in a boat")
    cloud.simulator.script(prompt, seconds=0)
    environment = cloud.environment(PROMPTREEL_URL=cloud.stack.api_url, PROMPTREEL_API_KEY=key)
    command = StdioServerParameters(command=sys.executable, args=["-m", "promptreel", "mcp"], env=environment)
    request = {"model": "veo2", "prompt": prompt}

    async def answered(host: Host, *one: Any) -> Any:
        """Call a tool as an agent does: again, if a busy machine has not answered within seconds."""
        while "has not answered" in text_of(result := await host.call_tool(*one)):
            pass
        return result

    async def call(*calls: tuple[str, dict[str, Any]]) -> list[Any]:
        async with Host(stdio_client(command)) as host:
            return [await answered(host, *one) for one in calls]

    def text_of(result: Any) -> str:
        return str(result.content[0].text)

    [without] = anyio.run(call, ("estimate", {"request": request}))
    assert "This API key has no budget" in text_of(without)

    run("budgets", "set", "--day", "9", "--key", kept.key_id)
    [found, price] = anyio.run(call, ("models", {"model": "veo2"}), ("estimate", {"request": request}))
    assert "prompt" in found.structured_content["fields"]["properties"]
    create = {"request": request, "estimate": price.structured_content["estimate"]}
    [made, again] = anyio.run(call, ("create", create), ("create", create))
    which = made.structured_content["id"]
    assert again.structured_content["id"] == which
    cloud.ended(which)

    other = {"model": "veo2", "prompt": unique("a fleet")}
    file = {"content": f"prompt,duration\n{prompt},5\n,99\n", "name": "boats.csv"}
    [ended, listed, link, checked, later] = anyio.run(
        call,
        ("status", {"video": which}),
        ("list", {}),
        ("link", {"video": which}),
        ("check_batch", file),
        ("estimate", {"request": other}),
    )
    assert ended.structured_content["status"] == "completed"
    assert [one["id"] for one in listed.structured_content["videos"]] == [which]
    assert requests.get(link.structured_content["url"], timeout=60).content[4:8] == b"ftyp"
    assert (checked.structured_content["rows"], checked.structured_content["problem_rows"]) == (2, 1)
    assert later.structured_content["budget_left_usd"] < 9

    run("budgets", "set", "--day", "0", "--key", kept.key_id)
    [refused] = anyio.run(call, ("create", {"request": other, "estimate": later.structured_content["estimate"]}))
    assert "budget" in text_of(refused)
    assert refused.is_error
