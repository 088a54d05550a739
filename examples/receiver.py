"""A receiver of webhooks: pip install standardwebhooks, and then

WEBHOOK_SECRET="$(promptreel webhooks secret)" python examples/receiver.py 8000
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BYTES = 1 << 20
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
handled: set[str] = set()  # in a real one: in a database, with what handling a message changes


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 for what it has taken, and 401 for what was not signed with the secret, or not just now."""

    timeout = 15  # seconds without a byte, after which who sends is hung up on

    def do_POST(self) -> None:
        """Take a message. Answer within 15 seconds: what takes longer is done after the answer."""
        try:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(max(0, min(length, MAX_BYTES)))
            message = webhook.verify(body, dict(self.headers))  # of the body as it came, byte for byte
        except (WebhookVerificationError, ValueError):
            self._answer(401)
            return
        message_id = self.headers["webhook-id"]
        if message_id not in handled:  # the same message may come twice
            handled.add(message_id)
            generation = message["data"]
            print(message["type"], generation["generation_id"], flush=True)  # noqa: T201 - what this one does with it
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
