import { adapters, variablesOf } from '@inferry/providers';
import { waitFor } from '@inferry/testing';
import { type Emulator, sampleFile } from '@inferry/testing/emulators';
import { expect } from 'vitest';
import type { AnyClient, ToolAnswer } from '../support/clients.ts';
import { type PlatformSample, platformSamples } from './samples.ts';

export interface RunFacts {
  run_id: string;
  status: string;
  outputs?: { kind: string; asset_id?: string; url?: string; text?: string }[];
  cost?: { charged?: number };
}

const open = new Set(['queued', 'running']);

export interface RunRequest {
  model?: string;
  input?: Record<string, unknown>;
  onProgress?: (progress: number) => void;
}

/** One platform, with a client of the whole system. */
export class Platform {
  readonly slug: string;
  readonly sample: PlatformSample;
  readonly emulator: Emulator;
  readonly #client: AnyClient;

  constructor(slug: string, { client, emulator }: { client: AnyClient; emulator: Emulator }) {
    this.slug = slug;
    this.sample = sampleOf(slug);
    this.emulator = emulator;
    this.#client = client;
  }

  get capabilities() {
    return definitionOf(this.slug).capabilities;
  }

  /** Whether it is called with a key, which somebody may be limited with. */
  get hasKey(): boolean {
    return variablesOf(definitionOf(this.slug)).keys.length > 0;
  }

  /** Jobs that the platform was asked to begin. */
  submissions(): number {
    return this.emulator.requests.filter(({ kind }) => kind === 'submit').length;
  }

  answer(tool: string, args: Record<string, unknown>): Promise<ToolAnswer> {
    return this.#client.call(tool, args);
  }

  /** What a call that succeeds returns. */
  async call(tool: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    const answer = await this.answer(tool, args);
    if (answer.isError === true) throw new Error(`${tool}: ${JSON.stringify(errorOf(answer))}`);
    return answer.structuredContent ?? {};
  }

  async start({ model = this.sample.model, input = this.sample.input }: RunRequest = {}): Promise<RunFacts> {
    return runOf(await this.call('run_model', { model, input, wait_seconds: 0 }));
  }

  async run({ model, input, onProgress }: RunRequest = {}): Promise<RunFacts> {
    const args = { model: model ?? this.sample.model, input: input ?? this.sample.input, wait_seconds: 45 };
    const answer = await this.#client.call('run_model', args, onProgress === undefined ? {} : { onProgress });
    if (answer.isError === true) throw new Error(JSON.stringify(errorOf(answer)));
    return runOf(answer.structuredContent ?? {});
  }

  /** How a run ended that may well fail. */
  async outcome(): Promise<{ status: string; code?: string; message?: string; charged: number }> {
    const { model, input } = this.sample;
    const answer = await this.answer('run_model', { model, input, wait_seconds: 45 });
    const { run } = answer.structuredContent ?? {};
    const facts = run === undefined ? undefined : runOf({ run });
    if (facts !== undefined && open.has(facts.status)) throw new Error(`${facts.run_id} did not end`);
    return {
      status: facts?.status ?? 'refused',
      ...errorOf(answer),
      charged: facts?.cost?.charged ?? 0,
    };
  }

  /** Until the platform has the job: before that, a cancel has nothing to ask it. */
  async untilSubmitted(): Promise<void> {
    await waitFor(() => this.emulator.jobs.size > 0 || undefined, { what: `${this.slug} to have the job` });
  }

  /** Until nothing of it reaches into another case; how it ended. */
  async untilOver(runId: string): Promise<string> {
    const read = async () => {
      const { status } = runOf(await this.call('get_run', { run_id: runId }));
      return open.has(status) ? '' : status;
    };
    return waitFor(read, { what: `${this.slug} to end ${runId}`, timeoutMs: 45_000, everyMs: 250 });
  }

  /** Until the account shows that the platform wants to be left alone with the key. */
  async untilLimited(): Promise<void> {
    const read = async () => {
      const { providers } = await this.call('get_account', { sections: ['providers'], provider: this.slug });
      return JSON.stringify(providers).includes('"limited_until"') || undefined;
    };
    await waitFor(read, { what: `${this.slug} to be limited`, timeoutMs: 20_000, everyMs: 100 });
  }

  async upload(): Promise<string> {
    const { bytes, contentType } = sampleFile('image');
    const about = { file_name: `${this.slug}.png`, content_type: contentType, size: bytes.length };
    const upload = await this.call('create_upload', about);
    if (upload.deduplicated === true) return String(upload.asset_id);
    const response = await fetch(String(upload.upload_url), {
      method: 'PUT',
      // as: a map of header names to values.
      headers: upload.headers as Record<string, string>,
      body: new Uint8Array(bytes),
    });
    expect(response.status).toBeLessThan(300);
    return String(upload.asset_id);
  }
}

export function sampleOf(slug: string): PlatformSample {
  const sample = platformSamples[slug];
  if (sample === undefined) throw new Error(`${slug} has no sample in platforms/samples.ts`);
  return sample;
}

export function definitionOf(slug: string) {
  const definition = adapters.find((adapter) => adapter.slug === slug);
  if (definition === undefined) throw new Error(`there is no adapter ${slug}`);
  return definition;
}

function runOf(structured: Record<string, unknown>): RunFacts {
  // as: the output schema of the tools that return a run.
  return structured.run as RunFacts;
}

export function errorOf({ structuredContent }: ToolAnswer): { code: string; message: string } | undefined {
  // as: an `ErrorEnvelope`, by the output schema of every tool.
  return structuredContent?.error as { code: string; message: string } | undefined;
}
