// Let OpenAI's SDK for JavaScript send the provider's calls, with its own headers, retries and errors.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import OpenAI from "openai";

const PATH = "/v2/video/generations";
const { API_KEY: apiKey, BASE_URL: baseURL, MODEL: model, PICTURE: picture, PROMPT: prompt } = process.env;

const body = { model, prompt };
if (picture) body.image_url = `data:image/png;base64,${readFileSync(picture).toString("base64")}`;
const client = new OpenAI({ apiKey, baseURL });
let job = await client.post(PATH, { body });
while (["queued", "generating"].includes(job.status)) {
  await sleep(1000);
  job = await client.get(PATH, { query: { generation_id: job.id } });
}
console.log(JSON.stringify({ url: job.video.url }));
