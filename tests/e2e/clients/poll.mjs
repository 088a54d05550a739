// A client as the provider's documentation shows it, with Node's https: create, then poll until the status is neither
// queued nor generating. Nothing in it knows of Promptreel; only the base URL and the key come from outside.
import http from "node:http";
import https from "node:https";

const { BASE_URL: baseUrl, API_KEY: apiKey, PROMPT: prompt } = process.env;
const { request } = baseUrl.startsWith("https:") ? https : http; // the local cloud has no TLS

function call(method, path, body) {
  const data = body ? JSON.stringify(body) : undefined;
  const headers = { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" };
  if (data) headers["Content-Length"] = Buffer.byteLength(data);
  return new Promise((resolve, reject) => {
    const req = request(baseUrl + path, { method, headers }, (res) => {
      let text = "";
      res.on("data", (chunk) => (text += chunk));
      res.on("end", () => (res.statusCode >= 400 ? reject(new Error(`${res.statusCode} ${text}`)) : resolve(JSON.parse(text))));
    });
    req.on("error", reject);
    if (data) req.write(data);
    req.end();
  });
}

const path = "/v2/generate/video/google/generation";
const { id } = await call("POST", path, { model: "veo2", prompt });
console.log("Generation ID:", id);
for (;;) {
  const generation = await call("GET", `${path}?generation_id=${encodeURIComponent(id)}`);
  console.log("Status:", generation.status);
  if (!["queued", "generating"].includes(generation.status)) {
    console.log("Video URL:", generation.video.url);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
