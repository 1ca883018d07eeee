/** What a row of Runpod's tables says, and the arguments that many of them share. */
import type { ToolAnnotations } from '@inferry/contracts';
import { z } from 'zod';
import { destructive, readOnly, write } from '../annotations.ts';

export interface Row {
  title: string;
  description: string;
  hints: ToolAnnotations;
  args: z.ZodRawShape;
}

export const read = readOnly;
export const destroy = destructive;
/** The same again changes nothing more. */
export const change: ToolAnnotations = { ...write, idempotentHint: true };
export const make = write;

export const paged = {
  limit: z.int().positive().max(100).describe('Default 20').optional(),
  cursor: z.string().optional(),
};
/** Of endpoints and jobs: a part of a path. */
export const id = z.string().regex(/^[a-zA-Z0-9_-]+$/);
export const cuda = z.string().regex(/^\d{1,2}\.\d{1,2}$/);
export const env = z.record(z.string(), z.string()).describe('Variables');
export const jsonInput = z.record(z.string(), z.unknown()).describe('As the worker expects it');
export const outputOffset = z.int().min(0).describe('nextOffset of a long output').optional();
export const policy = z
  .object({
    executionTimeout: z.number().optional(),
    lowPriority: z.boolean().optional(),
    ttl: z.number().optional(),
  })
  .describe('Times in ms');
export const s3Config = z
  .object({ accessId: z.string(), accessSecret: z.string(), bucketName: z.string(), endpointUrl: z.string() })
  .describe('Where large outputs go');

/** An object of fields that the platform checks; those with a star are required, a list has brackets. */
export function body(fields: string): z.ZodType {
  return z.record(z.string(), z.unknown()).describe(`Fields, * required: ${fields}`);
}

/** The first that a name is of; by these `/mcp/runpod/x/pods,endpoints` selects. */
const groups: readonly (readonly [group: string, names: RegExp])[] = [
  ['billing', /billing$/],
  ['clusters', /-cluster/],
  ['catalog', /-(?:gpu-type|cpu-type|data-center)s?$|^get-capacity$/],
  ['hub', /-hub-repos?$|-public-endpoints$/],
  ['jobs', /-job$|^get-job-status$|^run(?:sync)?-endpoint$|^endpoint-health$|^purge-endpoint-queue$/],
  ['endpoints', /-endpoint|^stream-worker-logs$/],
  ['pods', /-pod|^pod-/],
  ['templates', /-template/],
  ['volumes', /-network-volumes?$/],
  ['registries', /-regist|-delegations?$/],
  ['keys', /-ssh-keys$/],
];

export function groupOf(name: string): string | undefined {
  return groups.find(([, names]) => names.test(name))?.[0];
}
