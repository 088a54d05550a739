/**
 * The shapes that the console works with: answers of the API, fields of a form, and templates.
 *
 * A field of the API is optional here if the contract does not require it, and may be null if the contract says so:
 * `tests/unit/test_console_types.py` compares both.
 */

import type { VNode } from "preact";

// --- answers of the API --------------------------------------------------------------------------------------

export interface Page<T> {
  data: T[];
  next_cursor?: string | null;
}

export type Status = "queued" | "generating" | "completed" | "error";
export type Stage = Status | "archiving";
export type Grouping = "day" | "model" | "tag" | "key" | "batch";
export type Step = "accepted" | "held_back" | "rejected" | "admitted" | "sent" | "submitted" | "generated" | "ended" | "announced" | "reopened";
export type MediaKind = "image" | "video" | "audio";
export type ModelKind = "text-to-video" | "image-to-video" | "video-to-video" | "audio-to-video";

export interface Generation {
  id: string;
  status: Status;
  video: VideoFile | null;
  error: Failure | null;
  meta: GenerationMeta;
}

export interface VideoFile {
  url: string;
  content_type: "video/mp4" | "video/webm" | "video/quicktime" | "image/gif";
  file_name: string;
  file_size: number;
  poster_url?: string | null;
  width?: number | null;
  height?: number | null;
  duration?: number | null;
  frame_rate?: number | null;
  has_sound?: boolean | null;
}

export interface Link {
  number: number;
  url: string;
  page_url: string;
  automatic: boolean;
  created_at: string;
  expires_at: string | null;
  shows_prompt: boolean;
  opens_today: number;
}

export interface Problem {
  fields: string[];
  message: string;
  rule: string;
  allowed: unknown;
}

export interface Failure {
  name: string;
  message: string;
  remedy: string | null;
}

export interface GenerationMeta {
  stage: Stage;
  ahead: number | null;
  waits_for: string[] | null;
  waits_for_credits: boolean | null;
  timeline: TimelineEntry[] | null;
  video_expires_at: string | null;
  request: VideoRequest;
  created_at: string;
  submitted_at: string | null;
  generated_at: string | null;
  ended_at: string | null;
  source: { kind: string };
  batch: { id: string; row: number } | null;
  name?: string | null;
  tags?: string[];
  cost?: Cost;
  webhook?: { url: string } | null;
}

export interface TimelineEntry {
  step: Step;
  at: string;
}

/** A request: the model's own schema says which attributes it has. */
export interface VideoRequest {
  [attribute: string]: Value;
  model: string;
}

export interface Cost {
  estimated_usd: number | null;
  actual_usd: number | null;
}

export interface Model {
  id: string;
  title: string;
  vendor: string | null;
  kind: ModelKind | null;
  media: MediaKind[];
  takes: ModelTimes | null;
  seconds: number | null;
  default_usd: number | null;
}

export interface ModelTimes {
  median_seconds: number;
  slowest_tenth_seconds: number;
}

export interface ModelWithSchema extends Model {
  inputs: ModelInput[];
  schema: JsonSchema | null;
}

export interface ModelInput {
  field: string;
  media: MediaKind[];
  media_types: string[];
  max_bytes: number | null;
}

export interface Upload {
  reference: string;
  upload: UploadForm;
}

export interface UploadForm {
  url: string;
  fields: Record<string, string>;
  max_bytes: number;
}

export interface Estimate {
  usd: number;
  basis: "price" | "history" | "reserve";
  refused: string | null;
}

export interface Sums {
  completed: number;
  failed: number;
  usd: number;
  errors: Record<string, number>;
}

export interface UsageSums extends Sums {
  day?: string;
  model?: string;
  tag?: string;
  key?: string | null;
  batch?: string;
}

export interface Usage {
  by: Grouping;
  data: UsageSums[];
  total: Sums | null;
}

export interface Budget {
  scope: string;
  period: "day" | "month" | "hour";
  limit_usd?: number;
  used_usd?: number;
  left_usd?: number;
  limit_jobs?: number;
  used_jobs?: number;
  renews_at: string;
}

export interface Batch {
  id: string;
  name: string;
  status: "reading" | "running" | "cancelling" | "completed" | "cancelled" | "stopped" | "error";
  rows: number | null;
  counts: BatchCounts | null;
  error: Failure | null;
  held_back?: string | null;
  created_at: string;
  revision: number;
  revisions: Revision[];
}

export interface Revision {
  revision: number;
  rows: number;
  started_at: string;
  ended_at: string | null;
}

export type Choice = "reuse" | "again" | "replace";

export interface BatchCounts {
  not_started: number;
  queued: number;
  generating: number;
  completed: number;
  error: number;
}

export interface BatchCheck {
  rows: number;
  problem_rows: number;
  problems: RowProblem[];
  unchecked: string[];
  made_before: number;
  failed_before: number;
  new: number;
  rows_before: number;
  dropped: number;
  choices: Choice[];
  made_elsewhere: { name: string; rows: number } | null;
  estimated_usd: number;
  at_most_usd: number;
  unpriced: number;
}

export interface RowProblem {
  row: number;
  line: number;
  fields: string[];
  message: string;
}

export interface BatchUpload {
  id: string;
  upload: UploadForm;
}

export interface ReportRow {
  row: number;
  name: string | null;
  prompt: string | null;
  generation_id: string | null;
  status: Stage | "not started";
  usd: number | null;
  error: string | null;
}

export interface Delivery {
  id: string;
  generation_id: string;
  url: string;
  status: "pending" | "delivered" | "dead";
  attempts: number;
  created_at: string;
  problem?: string | null;
}

export interface WebhookSecret {
  secret: string;
  previous_until: string | null;
}

export interface Slots {
  limit: number;
  held: number;
  waiting: number;
  hours: SlotsHour[];
}

export interface SlotsHour {
  hour: string;
  held: number;
  waiting: number;
}

export interface Key {
  id: string;
  name: string | null;
  line: string;
  scope: "read" | "create" | "all";
  created_at: string;
  expires_at: string | null;
  repeat_window: number | null;
  used_at: string | null;
  is_yours: boolean;
}

// --- calls of the API ----------------------------------------------------------------------------------------

export type Query = Record<string, string | number | undefined>;

export interface CallOptions {
  query?: Query;
  json?: unknown;
  body?: File;
  headers?: Record<string, string>;
  keepalive?: boolean;
  /** The key to use instead of the one that is signed in. */
  with?: string;
}

export interface Paging {
  limit: number;
  cursor?: string | null;
}

/** What the list of videos is filtered by. */
export interface Filters {
  status?: string;
  model?: string;
  batch?: string;
  text?: string;
  tag?: string;
  created_after?: string;
  created_before?: string;
  order?: string;
}

/** The answer to a GET depends on the path, and on whether the query names one object. */
export interface Get {
  (path: "v2/video/generations", query: { generation_id: string }): Promise<Generation>;
  (path: "v2/video/generations", query: Filters & Paging): Promise<Page<Generation>>;
  (path: "v2/models", query: { id: string }): Promise<ModelWithSchema>;
  (path: "v2/models", query: { limit: number; cursor?: string; settings?: string }): Promise<Page<Model>>;
  (path: "v2/batches", query: { batch_id: string }): Promise<Batch>;
  (path: "v2/batches", query: Paging): Promise<Page<Batch>>;
  (path: `v2/batches/${string}/report`, query: Paging): Promise<Page<ReportRow>>;
  (path: "v2/webhooks/deliveries", query: { limit: number }): Promise<Page<Delivery>>;
  (path: "v2/usage", query: { by: Grouping; from?: string }): Promise<Usage>;
  (path: "v2/webhooks/secret"): Promise<WebhookSecret>;
  (path: "v2/budgets"): Promise<Page<Budget>>;
  (path: "v2/slots"): Promise<Slots>;
  (path: "v2/keys"): Promise<Page<Key>>;
  (path: `v2/video/generations/${string}/links`): Promise<Page<Link>>;
}

export interface Post {
  (path: `v2/batches/${string}/retry` | `v2/batches/${string}/cancel`): Promise<Batch>;
  (path: `v2/video/generations/${string}/links`, json: { expires_in: number | null; show_prompt: boolean }, more: CallOptions): Promise<Link>;
  (path: "v2/batches", json: undefined, more: { query: { name: string; upload: "true" } }): Promise<BatchUpload>;
  (path: "v2/uploads", json: { content_type: string; sha256: string }): Promise<Upload>;
  (path: "v2/estimates", json: VideoRequest, more: { query: { strict: "true" } }): Promise<Estimate>;
  (path: `v2/webhooks/deliveries/${string}/redeliver`): Promise<Delivery>;
  (path: "v2/webhooks/secret/rotate"): Promise<WebhookSecret>;
}

// --- forms ---------------------------------------------------------------------------------------------------

/** As much of JSON Schema 2020-12 as the models use. */
export interface JsonSchema {
  type?: string | string[];
  description?: string;
  default?: Option;
  enum?: Option[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
}

export type Option = string | number | boolean;

/** What is typed into a field. A number stays the text that was typed until it is sent. */
export type Value = Option | null | undefined | Value[] | Values;
export interface Values {
  [attribute: string]: Value;
}

interface Described {
  path: string;
  label: string;
  hint: string;
  default?: Option;
}

export interface TextShape extends Described {
  kind: "text" | "long";
  maxLength?: number;
}

export interface NumberShape extends Described {
  kind: "number";
  min?: number;
  max?: number;
  step: number | "any";
}

export interface ChoiceShape extends Described {
  kind: "choice";
  options: Option[];
  /** Whether all options fit on one line. */
  isShort: boolean;
}

export interface SwitchShape extends Described {
  kind: "switch";
}

export interface MediaShape extends Described {
  kind: "media";
  media: MediaKind[];
  /** Content types; empty if the model accepts any. */
  types: string[];
  /** Bytes. */
  most: number | null;
}

export interface ListShape extends Described {
  kind: "list";
  item: Shape;
  /** Items. */
  most?: number;
  /** Whether a single item may be sent without the list around it. */
  mayBeOne?: boolean;
}

export interface GroupShape extends Described {
  kind: "group";
  fields: Field[];
}

export interface JsonShape extends Described {
  kind: "json";
}

export type Shape =
  | TextShape
  | NumberShape
  | ChoiceShape
  | SwitchShape
  | MediaShape
  | ListShape
  | GroupShape
  | JsonShape;

export interface Named {
  name: string;
  required: boolean;
  /** Whether it is shown before "More settings". */
  isFirst?: boolean;
}

export type Field = Shape & Named;

/** The tags to remove from a video, and those that are added then. */
export interface TagChange {
  add: string[];
  remove: string[];
}

/** Tags, separated by commas, and the address of a webhook. */
export interface Label {
  tag?: string;
  webhook?: string;
}

// --- templates -----------------------------------------------------------------------------------------------

/** Any event that the console listens to: a template does not say which element a handler belongs to. */
export interface ElementEvent extends Event {
  target: HTMLInputElement;
  key: string;
  dataTransfer: DataTransfer;
  clipboardData: DataTransfer;
}

type Handler = (event: ElementEvent) => unknown;

/** The tag of a template. Functions in it are handlers of events, unless their parameter says otherwise. */
export type Html = (strings: TemplateStringsArray, ...values: (Handler | object | Option | null | undefined)[]) => VNode;

// --- texts ---------------------------------------------------------------------------------------------------

/** The texts by page. A text with gaps is a function of the values that fill them. */
export interface Texts {
  [name: string]: string | string[] | string[][] | ((...values: (string | number)[]) => string) | Texts | undefined;
}
