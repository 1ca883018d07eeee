import { createHash } from 'node:crypto';
import type { Answer, EmulatorDefinition } from './definition.ts';
import { Refusal } from './definition.ts';
import type { FailureKind } from './failure-kind.ts';
import { sampleFile } from './samples.ts';
import type { JobFailure, JobState, RouteKind, Scenario } from './scenario.ts';

export interface RecordedRequest {
  method: string;
  /** Below the base, without the query. */
  path: string;
  base: string;
  kind: RouteKind | undefined;
  query: Readonly<Record<string, string | string[] | undefined>>;
  headers: Readonly<Record<string, string | undefined>>;
  body: unknown;
  /** What it was answered with; undefined while it is not. */
  status: number | undefined;
  /** Whether it came to the host that the platform itself never names (`hostile`). */
  isForeign: boolean;
}

export interface EmulatedJob {
  id: string;
  model: string;
  input: Readonly<Record<string, unknown>>;
  state: JobState;
  scenario: Scenario;
  failure: JobFailure;
  createdAt: number;
  outputs: number;
  failedOutputs: number;
  webhookUrl: string | undefined;
  /** Our id, where the platform takes one. */
  clientId: string | undefined;
  /** Whatever the platform keeps besides. */
  extra: Record<string, unknown>;
}

export interface EmulatorOptions {
  definition: EmulatorDefinition;
  /** Of the server: `http://127.0.0.1:1234`. */
  origin: string;
  /** Milliseconds since 1970. Default: a clock that stands until it is set forward. */
  now?: (() => number) | undefined;
}

const defaultStates: readonly JobState[] = ['queued', 'running', 'succeeded'];
const start = Date.UTC(2026, 0, 1);
const maxRequests = 10_000;

/** The state of one emulated platform: its jobs, files and keys, what it was asked, and what it shall do next. */
export class Emulator {
  readonly definition: EmulatorDefinition;
  readonly origin: string;
  /** Keys by what becomes of them. */
  readonly keys: { valid: string; broke: string; revoked: string };
  readonly jobs = new Map<string, EmulatedJob>();
  readonly requests: RecordedRequest[] = [];
  /** What a strict platform would not have understood. A test that cares expects none. */
  readonly violations: string[] = [];
  readonly quirks = new Set<string>();
  readonly files = new Map<string, { bytes: Buffer; contentType: string }>();
  /** What an account has until it deletes it, by its kind and its id: machines, volumes, templates. */
  readonly resources = new Map<string, Map<string, Record<string, unknown>>>();
  /** Bytes of replies without an end that were really sent. */
  endlessBytes = 0;
  #scenario: Scenario = {};
  #disturbed = 0;
  #counter = 0;
  #offsetMs = 0;
  readonly #now: (() => number) | undefined;

  constructor({ definition, origin, now }: EmulatorOptions) {
    this.definition = definition;
    this.origin = origin;
    this.#now = now;
    const prefix = definition.keyPrefix ?? 'emulated-';
    this.keys = {
      valid: `${prefix}valid-0123456789abcdef`,
      broke: `${prefix}broke-0123456789abcdef`,
      revoked: `${prefix}revoked-0123456789abcdef`,
    };
  }

  now(): number {
    return (this.#now?.() ?? start) + this.#offsetMs;
  }

  /** Sets the clock forward. */
  advance(ms: number): void {
    this.#offsetMs += ms;
  }

  /** What happens from now on; replaces what was said before. */
  script(scenario: Scenario): void {
    this.#scenario = scenario;
    this.#disturbed = 0;
  }

  get scenario(): Scenario {
    return this.#scenario;
  }

  /** How many calls the scenario has hit before this one. */
  countDisturbed(): number {
    this.#disturbed += 1;
    return this.#disturbed - 1;
  }

  /** As it was at the start. */
  reset(): void {
    this.script({});
    this.jobs.clear();
    this.files.clear();
    this.resources.clear();
    this.quirks.clear();
    this.requests.length = 0;
    this.violations.length = 0;
    this.endlessBytes = 0;
    this.#counter = 0;
    this.#offsetMs = 0;
  }

  record(request: RecordedRequest): void {
    if (this.requests.length < maxRequests) this.requests.push(request);
  }

  /** The same ids in the same order every time. */
  id(prefix = '', length = 12): string {
    this.#counter += 1;
    const hash = createHash('sha256').update(`${this.definition.slug}/${this.#counter}`).digest('hex');
    return prefix + hash.slice(0, length);
  }

  uuid(): string {
    const hex = this.id('', 32);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  /** An address of this platform as its replies name it; a stranger's while it is hostile. */
  url(path: string, base = 'api'): string {
    const origin = this.#scenario.hostile === 'key_url' ? foreignOrigin(this.origin) : this.origin;
    return `${origin}${this.prefix(base)}${path}`;
  }

  prefix(base = 'api'): string {
    return `/${this.definition.slug}${base === 'api' ? '' : `.${base}`}`;
  }

  /** What an adapter is configured with. */
  base(name = 'api'): string {
    return this.origin + this.prefix(name);
  }

  /** The headers of a call with a key that is good. */
  authorization(): Readonly<Record<string, string>> {
    const key = this.keys.valid;
    return this.definition.authorization?.(key) ?? { authorization: `Bearer ${key}` };
  }

  /** Keeps a file that anybody can read at the address it returns. */
  keepFile(bytes: Buffer, contentType: string, extension = 'bin'): string {
    const name = `${this.id('file-')}.${extension}`;
    this.files.set(name, { bytes, contentType });
    return `${this.origin}/~files/${this.definition.slug}/${name}`;
  }

  /** A file that a job made. */
  makeFile(
    job: EmulatedJob,
    medium: 'image' | 'audio' | 'video' | '3d',
  ): { url: string; contentType: string } {
    const { bytes, contentType, extension } = sampleFile(medium, job.scenario.outputBytes);
    return { url: this.keepFile(bytes, contentType, extension), contentType };
  }

  /** Takes a job; the scenario of this moment goes with it. */
  createJob(job: {
    id: string;
    model: string;
    input: Readonly<Record<string, unknown>>;
    webhookUrl?: string | undefined;
    clientId?: string | undefined;
    extra?: Record<string, unknown>;
  }): EmulatedJob {
    const scenario = this.#scenario;
    const created: EmulatedJob = {
      webhookUrl: undefined,
      clientId: undefined,
      extra: {},
      ...job,
      state: 'queued',
      scenario,
      failure: scenario.failWith ?? { kind: 'generate', message: 'The model failed.' },
      createdAt: this.now(),
      outputs: scenario.outputs ?? 1,
      failedOutputs: scenario.failedOutputs ?? 0,
    };
    created.extra.step = 0;
    this.jobs.set(job.id, created);
    return created;
  }

  /** The job in its next state, as a status call sees it. Refuses when there is none, or when it has expired. */
  stepJob(id: string): EmulatedJob {
    const job = this.peekJob(id);
    if (['succeeded', 'failed', 'cancelled'].includes(job.state)) return job;
    const states = job.scenario.states ?? defaultStates;
    const step = Number(job.extra.step);
    job.state = states[Math.min(step, states.length - 1)] ?? 'succeeded';
    job.extra.step = step + 1;
    if (job.state === 'expired') throw this.refusal('unknown_job', id);
    return job;
  }

  /** The job as it is. */
  peekJob(id: string): EmulatedJob {
    const job = this.jobs.get(id);
    if (job === undefined || job.state === 'expired') throw this.refusal('unknown_job', id);
    return job;
  }

  /** The whole course of a platform that answers in the same call: ends at once. */
  endJob(job: EmulatedJob): EmulatedJob {
    const states = job.scenario.states ?? defaultStates;
    job.state = states.at(-1) ?? 'succeeded';
    return job;
  }

  refusal(kind: FailureKind, detail = ''): Refusal {
    return new Refusal(this.failure(kind, detail));
  }

  failure(kind: FailureKind, detail = ''): Answer {
    return this.definition.failures[kind](detail);
  }
}

/** The same server by another name, which is another host to everybody who checks. */
export function foreignOrigin(origin: string): string {
  return origin.replace('127.0.0.1', 'localhost');
}
