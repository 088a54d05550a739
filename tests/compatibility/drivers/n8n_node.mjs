// Let the node for n8n choose its model from the list and make a video.
//
// n8n itself is not installed: it takes 400 MB. This program gives the node the part of n8n's interface that it uses.
// Requests are sent with axios, as n8n does. n8n.mjs replaces the module n8n-workflow.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import axios from "axios";
import { build } from "esbuild";

const { API_KEY: apiKey, BASE_URL, CHECKOUT, HOME, MODEL, PICTURE: picture, PROMPT: prompt } = process.env;

const bundle = join(HOME, "node.cjs");
const n8n = fileURLToPath(new URL("n8n.mjs", import.meta.url));
await build({
  entryPoints: [join(CHECKOUT, "nodes/AIMLAPI/AimlApi.node.ts")],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "cjs",
  logLevel: "error",
  plugins: [{ name: "n8n", setup: ({ onResolve }) => onResolve({ filter: /^n8n-workflow/ }, () => ({ path: n8n })) }],
});
const { AimlApi } = (await import(bundle)).default;

const videoOptions = picture
  ? { referenceImageUrl: `data:image/png;base64,${readFileSync(picture).toString("base64")}` }
  : {};
const parameters = { operation: "videoGeneration", model: MODEL, videoPrompt: prompt, videoExtract: "firstUrl", videoOptions };

const context = {
  getInputData: () => [{ json: {} }],
  getNode: () => ({ name: "AI/ML API" }),
  getNodeParameter: (name, _item, otherwise) => parameters[name] ?? otherwise,
  getCurrentNodeParameter: (name) => parameters[name],
  getCredentials: async () => ({ apiKey, url: `${BASE_URL}/v1` }),
  continueOnFail: () => false,
  helpers: {
    async httpRequestWithAuthentication(_credentials, { baseURL, body, headers, method, qs, url }) {
      const data = body && Object.keys(body).length ? body : undefined;
      const authorized = { ...headers, Authorization: `Bearer ${apiKey}` };
      return (await axios({ baseURL, data, headers: authorized, method, params: qs, url })).data;
    },
  },
};

const node = new AimlApi();
const models = await node.methods.loadOptions.getModels.call(context);
if (!models.some(({ value }) => value === MODEL)) throw new Error(`The list of video models does not contain ${MODEL}.`);
const [[item]] = await node.execute.call(context);
console.log(JSON.stringify(item.json));
