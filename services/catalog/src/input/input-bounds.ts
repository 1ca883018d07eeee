import { callOf, createUpload, hint, type Problem } from '@inferry/contracts';
import { maxDepth } from './schema-parts.ts';

const maxBytes = 1_000_000;

/** Why an input is too large or too deep to look at; undefined when it is neither. Never recursive. */
export function boundsProblem(input: unknown): Problem | undefined {
  const { depth, bytes } = measure(input);
  if (depth > maxDepth)
    return { path: '', message: 'is nested too deeply', hint: `at most ${maxDepth} levels` };
  if (bytes <= maxBytes) return undefined;
  return {
    path: '',
    message: 'is larger than 1 MB',
    hint: hint`store large values with ${callOf(createUpload)} and pass the asset id`,
  };
}

/** How many values an input holds. */
export function countValues(input: unknown): number {
  return measure(input).values;
}

interface Measured {
  depth: number;
  bytes: number;
  values: number;
}

function measure(input: unknown): Measured {
  const measured: Measured = { depth: 0, bytes: 0, values: 0 };
  const left: { value: unknown; depth: number }[] = [{ value: input, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, depth } = next;
    measured.values += 1;
    measured.bytes += sizeOf(value);
    if (depth > measured.depth) measured.depth = depth;
    if (measured.depth > maxDepth || measured.bytes > maxBytes) return measured;
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, child] of Object.entries(value)) {
      measured.bytes += Array.isArray(value) ? 1 : name.length + 3;
      left.push({ value: child, depth: depth + 1 });
    }
  }
  return measured;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 2;
  return typeof value === 'object' ? 2 : 5;
}
