"""Archive once and report the cost: `python -m bench.archive_peers <way> <video's link> <S3's address>`.

Print JSON: wall time in seconds, CPU time in seconds (including programs it started), and peak memory above that of the
idle process in MiB. The idle process has done its imports and made its client. All ways except `curl` hash with
SHA-256. With the variable ON_ONE_CORE the process has one core, and with AFTER_ANOTHER it has archived before.
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

BUCKET, KEY = "videos", "videos/g1/video.mp4"
CA = os.environ.get("AWS_CA_BUNDLE")


class Hashing:
    """A file that hashes its bytes while a caller reads them."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.sha256 = raw, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self.raw.read(size if size >= 0 else None)
        self.sha256.update(data)
        return data


def client(address: str, **options: Any) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client("s3", endpoint_url=address, config=Config(**options))


def naive(url: str, s3: str) -> Callable[[], object]:
    import requests

    made = client(s3)

    def run() -> None:
        content = requests.get(url, timeout=60).content
        hashlib.sha256(content).hexdigest()
        made.put_object(Bucket=BUCKET, Key=KEY, Body=content)

    return run


def upload_fileobj(url: str, s3: str, crt: bool = False) -> Callable[[], object]:
    import requests
    from boto3.s3.transfer import TransferConfig

    made = client(s3)
    config = TransferConfig(preferred_transfer_client="crt" if crt else "classic")

    def run() -> None:
        with requests.get(url, stream=True, timeout=60) as response:
            made.upload_fileobj(Hashing(response.raw), BUCKET, KEY, Config=config)

    return run


def crt(url: str, s3: str) -> Callable[[], object]:
    os.environ["AWS_ENDPOINT_URL_S3"] = s3  # it makes a client itself
    return upload_fileobj(url, s3, crt=True)


def smart_open(url: str, s3: str) -> Callable[[], object]:
    import requests
    import smart_open as library

    made = client(s3)

    def run() -> None:
        with (
            requests.get(url, stream=True, timeout=60) as response,
            library.open(f"s3://{BUCKET}/{KEY}", "wb", transport_params={"client": made}) as out,
        ):
            source = Hashing(response.raw)
            while data := source.read(1 << 20):
                out.write(data)

    return run


def s3fs(url: str, s3: str) -> Callable[[], object]:
    import requests
    import s3fs as library

    made = library.S3FileSystem(endpoint_url=s3)

    def run() -> None:
        with requests.get(url, stream=True, timeout=60) as response, made.open(f"{BUCKET}/{KEY}", "wb") as out:
            source = Hashing(response.raw)
            while data := source.read(1 << 20):
                out.write(data)

    return run


def temp_file(url: str, s3: str) -> Callable[[], object]:
    import requests

    made = client(s3)

    def run() -> None:
        with requests.get(url, stream=True, timeout=60) as response, tempfile.NamedTemporaryFile() as file:
            source = Hashing(response.raw)
            while data := source.read(1 << 20):
                file.write(data)
            file.flush()
            made.upload_file(file.name, BUCKET, KEY)

    return run


def curl_aws(url: str, s3: str) -> Callable[[], object]:
    aws = f"{os.path.dirname(sys.executable)}/aws"
    command = f"curl -sSf --cacert '{CA}' '{url}' | '{aws}' s3 cp --quiet --endpoint-url '{s3}' - s3://{BUCKET}/{KEY}"
    return lambda: subprocess.run(command, shell=True, check=True)


def curl(url: str, s3: str) -> Callable[[], object]:
    ca = f"--cacert '{CA}'"
    command = f"curl -sSf {ca} '{url}' | curl -sSf {ca} -T - -o /dev/null '{s3}/{BUCKET}/{KEY}'"
    return lambda: subprocess.run(command, shell=True, check=True)


def promptreel(url: str, s3: str) -> Callable[[], object]:
    import certifi

    from core.archive.download import Allowed
    from core.archive.store import OPTIONS, Archive, Order

    certifi.where = lambda: str(CA)  # it uses no CA bundle from the environment
    allowed = Allowed((str(urlsplit(url).hostname),), 5 << 30, local=True)
    settings = {
        name: int(os.environ[name.upper()]) for name in ("part_bytes", "most_connections") if name.upper() in os.environ
    }
    archive = Archive(client(s3, **OPTIONS), BUCKET, allowed, **settings)
    order = Order("g1", url, None, lambda: None, lambda: 900.0, None, lambda _: None)
    return lambda: archive.store(order)


WAYS = {
    way.__name__: way for way in (naive, upload_fileobj, smart_open, s3fs, temp_file, crt, curl_aws, curl, promptreel)
}


def _memory(name: str) -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024


def main() -> None:
    way, url, s3 = sys.argv[1:]
    if "ON_ONE_CORE" in os.environ:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    run = WAYS[way](url, s3)
    if "AFTER_ANOTHER" in os.environ:
        run()
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")  # reset the peak
    idle, began, cpu = _memory("VmRSS"), time.perf_counter(), _cpu()
    run()
    done = {"wall": time.perf_counter() - began, "cpu": _cpu() - cpu, "memory": _memory("VmHWM") - idle}
    print(json.dumps(done))  # noqa: T201


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
