import type { ErrorCode, JsonObject, Quote, Secret } from '@inferry/contracts';
import type { SkillSource } from '@inferry/skills';
import type { z } from 'zod';
import type {
  Capability,
  CommunityModel,
  CommunityQuery,
  RecordQuery,
  StoredMedia,
} from './platform-services.ts';

/** What a platform can do, so that nobody asks it for more. */
export interface ProviderCapabilities {
  /** `cosmetic`: the platform says cancelled, and goes on and charges. */
  cancel: 'real' | 'queued_only' | 'cosmetic' | 'none';
  progress: 'percent' | 'steps' | 'queue_position' | 'logs' | 'none';
  /** `process`: a job lives and dies with the process that submitted it. */
  jobs: 'remote' | 'process';
  /** Whether `watch` pushes updates; polling stays the safety net. */
  watch: boolean;
  /** Whether `recover` can tell what became of a submit whose reply was lost. */
  recover: boolean;
  /**
   * Where the links of input files lead. `public`: the platform fetches them, so they must be on the internet.
   * `internal`: the adapter reads every file, foreign ones included, inside the deployment. `uploaded`: it reads ours and
   * puts them into the platform's storage; foreign links go to the platform as they are.
   */
  inputUrls: 'public' | 'internal' | 'uploaded';
  /**
   * Where links of outputs may lead. Default `public`: what a platform answers may be a stranger's words, so nothing
   * private is read for it. `internal` is for a platform that is part of the deployment, such as a ComfyUI of one's own.
   */
  outputUrls?: 'public' | 'internal';
  /** For how long after a submit a job that the platform does not know may still turn up. Default two minutes. */
  settlesWithinMs?: number;
  /**
   * How long after the end of its call a submit may still be taken, and a job that was taken be missing from what `recover` asks,
   * where more is known than the default (90 s).
   */
  submitSettlesMs?: number;
  /** Whether an account has models of its own there, which `listOwnModels` tells. Default false. */
  ownModels?: boolean;
}

export type PriceUnit = 'megapixel' | 'image' | 'second' | 'characters' | 'tokens' | 'run';

/** What so many of a unit cost. */
export interface PriceRate {
  min: number;
  max: number;
  unit: PriceUnit;
  /** How many of the unit the amount is for. */
  per: number;
  /** A part of a megapixel is billed as a whole one. */
  isWhole?: boolean;
}

/** What a model costs, as its platform tells it. */
export interface ModelPrice {
  text: string;
  currency: string;
  basis: Quote['basis'];
  amount?: number;
  /** Where the platform tells a number and a unit, or its words can be read so. */
  rate?: PriceRate;
  /** Computed of the input, see `readPriceExpression`: then nothing else of this decides. */
  expression?: string;
  /** Where it tells prices of configurations. */
  table?: { configuration: string; amount: number }[];
  /** The table is the operator's: it decides, whatever its platform would say. */
  isOwnTable?: true;
}

/** One catalog entry with everything that `get_model` shows. */
export interface ProviderModel {
  nativeId: string;
  title: string;
  /** One line. */
  summary: string;
  /** No platform lists wrappers of ours: the catalog shows them as models of their base model's platform. */
  kind: 'model' | 'solution' | 'endpoint' | 'wrapper';
  /** Medium and, more precisely, task: `image`, `image-to-image`. The first is the one shown. */
  categories: string[];
  /** `io:*`, `op:*`, `form:*`. */
  capabilities: string[];
  creator: string;
  tags: string[];
  isFeatured: boolean;
  isLive: boolean;
  /** Order among equals, higher first (RW-24). */
  weight: number;
  /** `summary`: the schemas below are empty until `describeModel` was asked. Default `full`. */
  schemaState?: 'full' | 'summary';
  /** Portable JSON Schema (2020-12); file fields carry `"x-inferry-file": "<medium>"`. */
  inputSchema: JsonObject;
  outputSchema: JsonObject;
  /** The input schema as the platform wrote it, for readers who want exactly that. Default: there is only the portable one. */
  nativeSchema?: JsonObject;
  price: ModelPrice;
  examples: { title: string; input: JsonObject; output: JsonObject; cost: number; capability?: string }[];
  /** Markdown: what it is made of, its limits, its licence. */
  readme: string;
  /** A picture that shows what it makes. */
  coverUrl?: string;
  /** Further ids that the platform itself takes for it, such as a slug. */
  aliases?: string[];
}

/** A strict object: what it does not name is refused before a run is made. Secrets are no options. */
export type RunOptionsSchema = z.ZodObject;

/** What every call to a platform carries. */
export interface ProviderContext {
  /** The caller's or the deployment's key; absent where none is needed. */
  credential?: Secret | undefined;
  /** Where the platform is for this connection, instead of the adapter's own base URL. */
  baseUrl?: string | undefined;
  signal: AbortSignal;
  /** Whose resources are meant, where many share one account of a control plane; absent: everybody's. */
  owner?: string | undefined;
  /** Of a submit alone. */
  guard?: SubmitGuard | undefined;
}

/**
 * Whoever submits asks it around the one moment that matters: before it, nothing can have been taken, and after it nobody
 * can be sure. What an adapter reads or uploads first comes before that moment.
 */
export interface SubmitGuard {
  /** Right before the paid call: resolves when it may leave, and rejects when it may not. */
  announce(): Promise<void>;
  /** When the connection stands, before the first byte of the call: at `false` nothing leaves. */
  mayLeave(): boolean;
}

/** What a platform says of a key. `unknown`: it did not say, so nothing may be concluded. */
export interface Probe {
  outcome: 'ok' | 'rejected' | 'unknown';
  /** How the platform names the account, for display. */
  account?: string;
  balance?: Balance;
}

/** What is left to spend. */
export interface Balance {
  amount: number;
  /** ISO 4217, or the platform's own unit such as `credits`. */
  currency: string;
}

/** A call of a platform to our webhook address, with its body as it came. */
export interface InboundWebhook {
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  rawBody: Uint8Array;
  /** The run that its address names; the address itself is signed by us. */
  runId: string;
  /** The model of that run: some platforms make the address of a job of it. */
  nativeId?: string;
  /** How often that run was sent (default 1). */
  attempts?: number;
}

/** `rejected`: forged, stale or unreadable; `ignored`: genuine, but about nothing that ends or moves a job. */
export type WebhookVerdict =
  | { outcome: 'job'; handle?: JobHandle; view?: JobView }
  | { outcome: 'ignored' }
  | { outcome: 'rejected'; reason: string };

/** An input file that the service has already checked: where it can be read. */
export interface InputFile {
  url: string;
  contentType: string;
  bytes: number;
}

export interface SubmitRequest {
  nativeId: string;
  /** Validated against the model's schema; file fields hold URLs that `files` describes. */
  input: JsonObject;
  files: Readonly<Record<string, InputFile>>;
  /** Our id of the run: sent as the platform's idempotency or client id where it takes one. */
  runId: string;
  /** The caller's own reference, for a platform whose account is theirs alone and that takes one. */
  clientRef?: string;
  /** Which submit of the run this is (default 1): for platforms that must never see one id of ours twice. */
  attempt?: number;
  options: JsonObject;
  /** The caller's own tags, for a platform that keeps some with a job. */
  tags?: Readonly<Record<string, string>>;
  /** Whose it is, as a word that says nothing else: for models of this process, which share their places out. */
  tenant?: string;
  /** Where the platform may report the job, when the deployment can be reached from outside. */
  webhookUrl?: string;
}

/** Opaque, serialisable: stored with the run and given back to whichever process polls next. */
export type JobHandle = JsonObject;

/** What a run produced, before it becomes an asset. */
export interface ProviderOutput {
  kind: 'image' | 'video' | 'audio' | 'text' | '3d' | 'file' | 'json';
  contentType: string;
  fileName?: string;
  /** Exactly one of these holds the content. */
  url?: string;
  bytes?: Uint8Array;
  text?: string;
  /** When `url` stops working. */
  expiresAt?: string;
}

/** Why a job ended badly. `submit_unknown`: its reply was lost on the way, and it may have been charged. */
export type JobErrorCode = Extract<
  ErrorCode,
  | 'generate_failed'
  | 'content_blocked'
  | 'validation_failed'
  | 'upstream_failed'
  | 'upstream_unavailable'
  | 'insufficient_credits'
  | 'rate_limited'
  | 'unauthorized'
  | 'forbidden'
  | 'model_not_found'
  | 'deadline_exceeded'
  | 'submit_unknown'
>;

/**
 * `not_found`: the platform does not know the job. Right after the submit that may mean not yet (a replica that lags, a
 * queue that is written late); whoever polls judges by the job's age, and no adapter does. `expired`: it is known to be gone.
 */
export type JobStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired' | 'not_found';

/** A job now. A terminal status here is final: the adapter has applied its platform's success rule. */
export interface JobView {
  status: JobStatus;
  /** The platform's own word. */
  upstreamStatus: string;
  /** 0..1 */
  progress?: number;
  queuePosition?: number;
  outputs?: ProviderOutput[];
  /** In units of `currency`, when the platform says. */
  charged?: { amount: number; currency: string };
  error?: { code: JobErrorCode; message: string };
  /** Succeeded, with fewer outputs than were asked for. */
  isPartial?: boolean;
  /** What a reader of the outputs has to know: cut off, flagged by a filter, some missing. A sentence each. */
  notes?: string[];
  logs?: string[];
  /** Redacted platform payload for `get_run(include: raw)`. */
  raw?: JsonObject;
  /** When the platform asks to be polled next. */
  pollAfterMs?: number;
}

/** How a job ended, for whoever has to say what that costs. */
export interface JobEnd {
  nativeId: string;
  status: JobStatus;
  upstreamStatus: string;
  /** Of an end that is a failure. */
  code?: string | undefined;
}

export type CancelResult = 'confirmed' | 'requested' | 'too_late' | 'unsupported';

/** What became of the submits of a run. */
export interface RecoverRequest {
  runId: string;
  /** `SubmitRequest.clientRef` */
  clientRef?: string;
  nativeId: string;
  /** When the last of them was sent. */
  submittedAt: string;
  /** The submits whose fate is not known, as `SubmitRequest.attempt` counts them (default: the first). */
  attempts?: readonly number[];
}

/**
 * `found`: one was accepted, and the platform's answer proves that it is this run's: here is its handle. `absent`: the platform
 * looked and has none of them now; whether one can still come is the poller's question. `unknown`: nobody can tell.
 */
export type Recovery =
  | { outcome: 'found'; handle: JobHandle }
  | { outcome: 'absent' }
  | { outcome: 'unknown' };

/**
 * An inference platform. Methods throw `AppError` and nothing else that a caller should see; `submit` is called
 * once per run, is never retried inside, and throws `AppError` with `busy`, `rate_limited`, `unauthorized`,
 * `validation_failed` and the like only when the platform certainly took nothing.
 */
export interface Provider {
  readonly slug: string;
  readonly title: string;
  readonly capabilities: ProviderCapabilities;
  /** Whether `submit` asks `context.guard` before its paid call leaves; else it counts as sent when `submit` is called. */
  readonly announcesSubmit?: boolean;
  /** What an agent should know to use this platform well, in `skills/<name>/` beside its adapter. */
  readonly skills?: readonly SkillSource[];
  /** The options of a run that it takes, besides `ttl_seconds`; any where it does not say. */
  readonly runOptions?: RunOptionsSchema;
  /** Whether nothing may be sent without a key: whoever has none is not connected. Default false. */
  readonly needsKey?: boolean;
  /** How an operator connects it, in a sentence. */
  readonly howToConnect?: string;
  /** Whether it can be used now without more configuration, and if not, what to do. */
  ready(): { isReady: boolean; note?: string };
  /** The whole catalog; `etag` unchanged means nothing to do. */
  listModels(
    context: ProviderContext,
    etag?: string,
  ): Promise<{ etag: string; models: ProviderModel[] } | 'unchanged'>;
  /** What a validated input costs; pure and fast. */
  quote(model: ProviderModel, input: JsonObject): Quote;
  submit(request: SubmitRequest, context: ProviderContext): Promise<{ handle: JobHandle; view: JobView }>;
  poll(handle: JobHandle, context: ProviderContext): Promise<JobView>;
  /** Where this job lives, for a platform that has both kinds; its handle as far as there is one. Default: `capabilities.jobs`. */
  jobsOf?(nativeId: string, handle?: JobHandle): ProviderCapabilities['jobs'];
  /** Yields views as they come and ends after a terminal one; ends early when it cannot go on. */
  watch?(handle: JobHandle, context: ProviderContext): AsyncIterable<JobView>;
  cancel(handle: JobHandle, context: ProviderContext): Promise<CancelResult>;
  recover(request: RecoverRequest, context: ProviderContext): Promise<Recovery>;
  /** The run of a job has ended, with all that came of it written down: what this process alone kept of it may go. */
  forget?(handle: JobHandle): void;
  /**
   * Deletes what the platform keeps of an ended job: what went in and what came out, as far as it lets anybody. Twice is like once.
   * Absent where it has no way to.
   */
  deletePayload?(handle: JobHandle, context: ProviderContext): Promise<void>;
  /** Whether the platform may charge a job that ends so without saying what. Default: only what succeeds costs something. */
  mayCostUntold?(end: JobEnd): boolean;
  /** Tells whether a key is good, without spending anything. */
  probe?(context: ProviderContext): Promise<Probe>;
  balance?(context: ProviderContext): Promise<Balance | undefined>;
  /** What exists for the account of `context.credential` alone: shown to and run by whoever has that key. */
  listOwnModels?(context: ProviderContext): Promise<ProviderModel[]>;
  /** One model with its schema, where `listModels` gives summaries (`schemaState: 'summary'`). */
  describeModel?(nativeId: string, context: ProviderContext): Promise<ProviderModel>;
  /**
   * A model that is in no list and can be run by its id all the same, as far as this caller can see; undefined where nobody
   * knows it. `options` are a run's: they may say what the platform does not.
   */
  describeUnlisted?(
    nativeId: string,
    options: JsonObject,
    context: ProviderContext,
  ): Promise<ProviderModel | undefined>;
  /** Its taxonomy, with its own names. */
  listCapabilities?(context: ProviderContext): Promise<Capability[]>;
  /** What it says of a model, in its own words; undefined where it has no such model, or nothing of that kind about it. */
  readRecord?(query: RecordQuery, context: ProviderContext): Promise<unknown>;
  /** Models that nobody curates, and the account's own. */
  searchCommunity?(
    query: CommunityQuery,
    context: ProviderContext,
  ): Promise<{ total: number; models: CommunityModel[] }>;
  /** Registers weights that are at a public address. Sent once. */
  uploadModel?(weights: JsonObject, context: ProviderContext): Promise<JsonObject>;
  /** Keeps what a link, a data URI or base64 holds. Sent once. */
  storeMedia?(media: string, context: ProviderContext): Promise<StoredMedia>;
  deleteMedia?(id: string, context: ProviderContext): Promise<StoredMedia>;
  /** A task by its own id: what was asked and what was answered. Undefined: it knows none of that id. */
  readTask?(id: string, context: ProviderContext): Promise<JsonObject | undefined>;
  /** The account of the key, with everything that whoever holds it is told. */
  readAccount?(context: ProviderContext): Promise<JsonObject>;
  /** Reads and verifies a webhook over its raw bytes. */
  readWebhook?(webhook: InboundWebhook, context: ProviderContext): Promise<WebhookVerdict>;
  close(): Promise<void>;
}
