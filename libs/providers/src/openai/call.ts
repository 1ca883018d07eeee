import type { HeldWork, PlatformClient } from '../http/index.ts';
import type { JobView, ProviderContext, ProviderOutput, SubmitRequest } from '../provider.ts';

/** What a call of one kind needs. */
export interface OpenAiCall {
  client: PlatformClient;
  request: SubmitRequest;
  /** Its signal is the held call's own. */
  context: ProviderContext;
  /** Where chat is, when it is not at `/chat/completions`. */
  path?: string;
  report: Parameters<HeldWork>[0]['report'];
}

/** Of what is read after a job has ended: a film may be large. */
export const contentTimeoutMs = 600_000;
/** Base64 of ten large pictures. */
export const maxImagesBytes: number = 192 << 20;
export const maxFileBytes: number = 256 << 20;

export function succeeded(
  outputs: ProviderOutput[],
  more: Pick<JobView, 'notes' | 'raw' | 'isPartial'> = {},
): JobView {
  return { status: 'succeeded', upstreamStatus: 'completed', progress: 1, outputs, ...more };
}

export function textOutput(text: string, contentType = 'text/plain'): ProviderOutput {
  return { kind: contentType === 'application/json' ? 'json' : 'text', contentType, text };
}

/** Only what was given: servers refuse fields that they do not know, even empty ones. */
export function pick(
  input: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    names
      .filter((name) => input[name] !== undefined && input[name] !== null)
      .map((name) => [name, input[name]]),
  );
}
