import { isObject } from '@inferry/contracts';
import { filesIn } from '../outputs/answer.ts';
import type { ProviderOutput } from '../provider.ts';
import { readAnswer } from './answer-text.ts';

/** Media of public endpoints can be fetched for so long. */
const mediaTtlMs = 7 * 86_400_000;

/**
 * What a worker made. Its output is whatever its author wanted: links, data URIs and base64 become files; else what
 * reads as an answer becomes text; else the whole is JSON.
 */
export function readOutputs(output: unknown, now: number): { outputs: ProviderOutput[]; isPartial: boolean } {
  const isPublic = isObject(output) && typeof output.cost === 'number';
  const expiresAt = isPublic ? new Date(now + mediaTtlMs).toISOString() : undefined;
  const found = filesIn(output, { expiresAt });
  if (found.length > 0) return { outputs: found, isPartial: hasErrors(output) };
  if (output === undefined || output === null || output === '') return { outputs: [], isPartial: false };
  const answer = readAnswer(output);
  if (answer !== undefined) {
    return { outputs: [{ kind: 'text', contentType: 'text/plain', text: answer }], isPartial: false };
  }
  const json: ProviderOutput = {
    kind: 'json',
    contentType: 'application/json',
    text: JSON.stringify(output),
  };
  return { outputs: [json], isPartial: false };
}

/** Some workers make what they can and tell the rest beside it. */
function hasErrors(output: unknown): boolean {
  return isObject(output) && Array.isArray(output.errors) && output.errors.length > 0;
}
