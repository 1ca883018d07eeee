/** Machines, endpoints and stores of every platform in one set of words: what they are, what they cost, and the ends of them. */
import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { cursor, jsonObject, limit, Page, ValidationProblem } from '../shapes/basics.ts';

const shared = { toolset: 'infra', scope: 'infra', isLong: true } as const;
const provider = z.string().max(64).optional().describe('Platform, where there are several');
const resource = z.string().min(1).max(40).describe('Type, from infra_describe');
const id = z.string().min(1).max(200).describe('Id');
const parentId = z.string().max(200).optional().describe('Endpoint id, for workers and releases');
const maxHourlyCost = z.number().min(0).optional().describe('Refuse above, in USD');
const dryRun = z.boolean().optional().describe('Check and quote alone');
const shown = jsonObject.describe('Resource').optional();
const hourly = z.number().optional().describe('USD an hour while it exists');

export const describeInfra = defineOperation({
  ...shared,
  name: 'describe_infra',
  input: z.object({ provider, resource: resource.optional() }),
  reply: z.object({
    resources: z.array(jsonObject.describe('type, verbs')).optional().describe('Types'),
    spec: jsonObject.optional().describe('Fields of infra_create; a star: required'),
    patch: jsonObject.optional().describe('Fields of infra_update'),
    error: ErrorEnvelope.optional(),
  }),
});

export const listInfra = defineOperation({
  ...shared,
  name: 'list_infra',
  input: z.object({
    provider,
    resource,
    parent_id: parentId,
    filters: jsonObject.optional().describe('From infra_describe'),
    limit,
    cursor,
  }),
  reply: z.object({
    items: z.array(jsonObject.describe('Resource')).optional().describe('Items'),
    summary: jsonObject.optional().describe('Of all: hourly_cost of what runs'),
    page: Page.optional(),
    error: ErrorEnvelope.optional(),
  }),
});

export const getInfra = defineOperation({
  ...shared,
  name: 'get_infra',
  input: z.object({
    provider,
    resource,
    id,
    include: z.array(z.string().max(40)).max(8).optional().describe('More, e.g. health'),
  }),
  reply: z.object({ resource: shown, hourly_cost: hourly, error: ErrorEnvelope.optional() }),
});

export const createInfra = defineOperation({
  ...shared,
  name: 'create_infra',
  input: z.object({
    provider,
    resource,
    spec: jsonObject.describe('From infra_describe'),
    max_hourly_cost: maxHourlyCost,
    stop_after: z.int().min(60).max(2_592_000).optional().describe('Seconds until it is stopped'),
    client_ref: z.string().min(1).max(128).optional().describe('The same ref makes one resource'),
    dry_run: dryRun,
  }),
  reply: z.object({
    resource: shown,
    hourly_cost: hourly,
    basis: z.string().optional().describe('What the price is of'),
    replayed: z.boolean().optional().describe('It was there already'),
    stop_at: z.string().optional().describe('RFC 3339'),
    validation: z.array(ValidationProblem).optional().describe('Problems'),
    error: ErrorEnvelope.optional(),
  }),
});

export const updateInfra = defineOperation({
  ...shared,
  name: 'update_infra',
  input: z.object({
    provider,
    resource,
    id,
    patch: jsonObject.describe('Fields'),
    dry_run: dryRun,
  }),
  reply: z.object({
    resource: shown,
    changed: z.array(z.string()).optional().describe('Fields'),
    validation: z.array(ValidationProblem).optional().describe('Problems'),
    error: ErrorEnvelope.optional(),
  }),
});

export const actOnInfra = defineOperation({
  ...shared,
  name: 'act_on_infra',
  input: z.object({
    provider,
    resource,
    id,
    action: z.string().min(1).max(40).describe('From infra_describe, e.g. stop'),
  }),
  reply: z.object({ result: jsonObject.optional().describe('Result'), error: ErrorEnvelope.optional() }),
});

export const deleteInfra = defineOperation({
  ...shared,
  name: 'delete_infra',
  isInteractive: true,
  input: z.object({
    provider,
    resource,
    id,
    confirm_name: z.string().max(200).optional().describe('Its name, where the client cannot ask'),
  }),
  reply: z.object({
    deleted: z.boolean().optional().describe('Done'),
    error: ErrorEnvelope.optional(),
  }),
});

export const readInfraLogs = defineOperation({
  ...shared,
  name: 'read_infra_logs',
  input: z.object({
    provider,
    resource,
    id,
    parent_id: parentId,
    source: z.enum(['container', 'system', 'both']).optional().describe('Default both'),
    tail: z.int().min(0).max(5_000).optional().describe('Lines, default 100'),
    since: z.string().max(40).optional().describe('RFC 3339'),
    max_wait_ms: z.int().min(500).max(30_000).optional().describe('Default 5000'),
    grep: z.string().max(200).optional().describe('Only lines with it'),
  }),
  reply: z.object({
    lines: z.array(z.string()).optional().describe('Time, source, line'),
    truncated: z.boolean().optional().describe('Cut'),
    error: ErrorEnvelope.optional(),
  }),
});
