// The part of the module n8n-workflow that the node uses.
export { setTimeout as sleep } from "node:timers/promises";

export const NodeConnectionType = { Main: "main" };

export class NodeOperationError extends Error {
  constructor(_node, message) {
    super(String(message));
  }
}
