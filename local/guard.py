"""Who may talk to the local cloud: programs of this machine, and no page that a browser shows.

The local AWS asks for no credentials and lets every page read its answers, so without this any page that a developer
visits could run a function on it and read the provider's key. A page gives itself away: browsers send `Origin` with all
that can change something, `Sec-Fetch-Site` with everything, and the page's own name as `Host` where that name was made
to lead here (DNS rebinding). The one page that may is the deployment's own console, which comes from the same port.
"""

from collections.abc import Mapping

OWN_HOSTS = {"127.0.0.1", "localhost", "[::1]"}


def refusal(headers: Mapping[str, str]) -> str | None:
    """Why a request with these headers (names in lower case) is refused, in a sentence; None if it is not."""
    host = headers.get("host", "").lower()
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name not in OWN_HOSTS and not name.endswith(".localhost"):
        return "The local cloud answers only under this machine's own names, such as 127.0.0.1 and localhost."
    own = headers.get("origin", f"http://{host}").lower() in (f"http://{host}", f"https://{host}")
    if not own or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return "The local cloud does not answer web pages: use it from a program on this machine."
    return None
