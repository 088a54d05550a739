// A webhook receiver. Install standardwebhooks with npm, then run:
//
// WEBHOOK_SECRET="$(promptreel webhooks secret)" node examples/receiver.mjs 8000

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const MAX_BYTES = 1 << 20;
const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const handled = new Set(); // in production: a database, updated together with your own data

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
    message = webhook.verify(Buffer.concat(parts).toString(), request.headers); // verify the unparsed body
  } catch {
    return response.writeHead(401).end(); // wrong signature, old timestamp, or the sender hung up
  }
  const id = request.headers["webhook-id"];
  if (!handled.has(id)) { // the same message may arrive twice
    handled.add(id);
    console.log(message.type, message.data.generation_id);
  }
  response.writeHead(204).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
