import type { JsonObject } from '@inferry/contracts';
import type { SubmitRequest } from '../provider.ts';

/** What a job may be given, in milliseconds. */
interface Limits {
  least: number;
  most: number;
  marginMs?: number;
}
/** The platform forgets a job at its end of life even while it works; ours comes first. */
const ttlLimits: Limits = { least: 10_000, most: 604_800_000, marginMs: 60_000 };
const executionLimits: Limits = { least: 5_000, most: 604_800_000 };

/** The body of `/run`. `options`: `ttl_seconds`, `execution_timeout_seconds`, `low_priority`. */
export function toRunBody({ input, options, webhookUrl }: SubmitRequest): JsonObject {
  const policy = {
    ...limited('ttl', options.ttl_seconds, ttlLimits),
    ...limited('executionTimeout', options.execution_timeout_seconds, executionLimits),
    ...(typeof options.low_priority === 'boolean' && { lowPriority: options.low_priority }),
  };
  return {
    input,
    ...(webhookUrl !== undefined && { webhook: webhookUrl }),
    ...(Object.keys(policy).length > 0 && { policy }),
  };
}

function limited(name: string, seconds: unknown, { least, most, marginMs = 0 }: Limits): JsonObject {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return {};
  return { [name]: Math.round(Math.min(Math.max(seconds * 1_000 + marginMs, least), most)) };
}
