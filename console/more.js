/** The pages that are loaded after the first one: one file, because each file of a first visit may be a cold start. */

export { Account } from "./account.js";
export { Batch } from "./batch.js";
export { Batches } from "./batches.js";
export { Compare } from "./compare.js";
export { Make } from "./make.js";
export { Usage } from "./usage.js";
