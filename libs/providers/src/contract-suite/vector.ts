import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const words = z.record(z.string(), z.string());

/** One request of ours and its reply, as they were seen or documented. Paths are below a base of the adapter. */
const Step = z.strictObject({
  request: z.strictObject({
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
    path: z.string(),
    base: z.string().default('api'),
    query: words.optional(),
    /** Only those that matter; never a key. */
    headers: words.optional(),
    /** Absent: not compared. */
    body: z.unknown().optional(),
  }),
  response: z.strictObject({
    status: z.int(),
    headers: words.optional(),
    body: z.unknown().optional(),
  }),
  /** Names for values of the response's body, by JSON pointer; `{{name}}` in later steps stands for them. */
  capture: words.optional(),
});
export type Step = z.infer<typeof Step>;

/** A recorded conversation with a platform (`libs/providers/vectors/<platform>/<case>.json`). */
export const Vector = z.strictObject({
  upstream: z.string(),
  case: z.string(),
  source: z.strictObject({
    kind: z.enum(['doc', 'sdk', 'live', 'emulator']),
    ref: z.string(),
    date: z.string(),
  }),
  run: z.strictObject({
    model: z.string(),
    input: z.record(z.string(), z.unknown()),
    options: z.record(z.string(), z.unknown()).default({}),
  }),
  steps: z.array(Step).min(1),
  expect: z.strictObject({
    /** The states that are seen, without repetitions; `refused` when the submit throws. */
    states: z.array(z.string()),
    outputs: z.array(z.string()).optional(),
    error: z.string().optional(),
    charged: z.number().optional(),
  }),
  /** False where only the adapter can replay it, with `note` saying why. */
  emulated: z.boolean().default(true),
  note: z.string().optional(),
});
export type Vector = z.infer<typeof Vector>;

const folder = join(import.meta.dirname, '..', '..', 'vectors');

export function readVectors(platform: string): Vector[] {
  return filesOf(join(folder, platform)).map((file) => {
    const parsed = Vector.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    if (parsed.success) return parsed.data;
    throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  });
}

function filesOf(path: string): string[] {
  try {
    const names = readdirSync(path).filter((name) => name.endsWith('.json'));
    return names.sort().map((name) => join(path, name));
  } catch {
    // A platform without vectors.
    return [];
  }
}

/** Any JSON with `{{name}}` replaced. */
export function fillIn(value: unknown, names: ReadonlyMap<string, string>): unknown {
  const text = JSON.stringify(value);
  if (text === undefined) return undefined;
  return JSON.parse(text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => names.get(name) ?? whole));
}

export function valueAt(body: unknown, pointer: string): unknown {
  let node = body;
  for (const part of pointer.split('/').slice(1)) {
    if (typeof node !== 'object' || node === null) return undefined;
    // as: an object or a list, read by key.
    node = (node as Record<string, unknown>)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return node;
}

export function capture(step: Step, body: unknown, names: Map<string, string>): void {
  for (const [name, pointer] of Object.entries(step.capture ?? {})) {
    names.set(name, String(valueAt(body, pointer)));
  }
}
