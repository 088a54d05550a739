"""A webhook receiver. Install standardwebhooks with pip, then run:

WEBHOOK_SECRET="$(promptreel webhooks secret)" python examples/receiver.py 8000
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BYTES = 1 << 20
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
handled: set[str] = set()  # in production: a database, updated together with your own data


class Receiver(BaseHTTPRequestHandler):
    """A handler that returns 204 for accepted messages and 401 for a wrong signature or an old timestamp."""

    timeout = 15  # seconds without a byte before the connection is closed

    def do_POST(self) -> None:
        """Verify and handle a message. Respond within 15 seconds, and do slow work afterwards."""
        try:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(max(0, min(length, MAX_BYTES)))
            message = webhook.verify(body, dict(self.headers))  # verify the exact bytes
        except (WebhookVerificationError, ValueError):
            self._answer(401)
            return
        message_id = self.headers["webhook-id"]
        if message_id not in handled:  # the same message may arrive twice
            handled.add(message_id)
            generation = message["data"]
            print(message["type"], generation["generation_id"], flush=True)  # noqa: T201 - your work goes here
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
