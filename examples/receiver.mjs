// A receiver of webhooks: npm install standardwebhooks, and then
//
// WEBHOOK_SECRET="$(promptreel webhooks secret)" node examples/receiver.mjs 8000

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const MAX_BYTES = 1 << 20;
const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const handled = new Set(); // in a real one: in a database, with what handling a message changes

createServer(async (request, response) => {
  const parts = [];
  let size = 0;
  let message;
  try {
    for await (const part of request) {
      size += part.length;
      if (size > MAX_BYTES) return response.writeHead(413).end();
      parts.push(part);
    }
    message = webhook.verify(Buffer.concat(parts).toString(), request.headers); // of the body as it came
  } catch {
    return response.writeHead(401).end(); // not signed with the secret, or not just now; or who sent it hung up
  }
  const id = request.headers["webhook-id"];
  if (!handled.has(id)) { // the same message may come twice
    handled.add(id);
    console.log(message.type, message.data.generation_id);
  }
  response.writeHead(204).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
