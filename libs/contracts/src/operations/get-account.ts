import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { cursor, jsonObject, limit, Page } from '../shapes/basics.ts';

export const accountSections = [
  'identity',
  'providers',
  'balance',
  'usage',
  'machines',
  'budgets',
  'limits',
] as const;
export const usageBuckets = ['hour', 'day', 'week', 'month', 'year'] as const;

export const getAccount = defineOperation({
  name: 'get_account',
  toolset: 'account',
  scope: 'account:read',
  input: z.object({
    sections: z
      .array(z.enum(accountSections))
      .max(10)
      .optional()
      .describe('Default: all but limits, in short'),
    since: z.iso.datetime({ offset: true }).optional().describe('Usage window start, RFC 3339'),
    until: z.iso.datetime({ offset: true }).optional().describe('Usage window end'),
    bucket: z.enum(usageBuckets).optional().describe('Usage bucket'),
    provider: z.string().max(100).optional().describe('One provider'),
    limit,
    cursor,
  }),
  reply: z.object({
    identity: jsonObject.optional().describe('Subject, client, scopes'),
    providers: z
      .array(jsonObject.describe('slug, connected, key_ok, capabilities, connections'))
      .optional()
      .describe('Providers'),
    balance: z.array(jsonObject.describe('provider, amount, currency')).optional().describe('Balances'),
    usage: jsonObject.optional().describe('Buckets and totals'),
    machines: jsonObject.optional().describe('What runs now by the hour, and its cost so far'),
    budgets: z
      .array(jsonObject.describe('scope, limit, spent, reserved, resets_at'))
      .optional()
      .describe('Budgets'),
    limits: jsonObject.optional().describe('Rate-limit state, storage'),
    page: Page.optional(),
    next_action: z.string().optional().describe('What to call for the rest'),
    error: ErrorEnvelope.optional(),
  }),
});
