import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { cursor, jsonObject, limit, Page } from '../shapes/basics.ts';
import { readOnly } from './annotations.ts';

export const accountSections = ['identity', 'providers', 'balance', 'usage', 'budgets', 'limits'] as const;
export const usageBuckets = ['hour', 'day', 'week', 'month', 'year'] as const;

export const getAccount = defineTool({
  name: 'get_account',
  title: 'Get account',
  description:
    'Who you are here, connected providers and whether their keys work, balances, spend, budgets and rate limits.',
  toolset: 'account',
  scope: 'account:read',
  annotations: readOnly,
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
  output: z.object({
    identity: jsonObject.optional().describe('Subject, client, scopes'),
    providers: z
      .array(jsonObject.describe('slug, connected, key_ok, capabilities, connections'))
      .optional()
      .describe('Providers'),
    balance: z.array(jsonObject.describe('provider, amount, currency')).optional().describe('Balances'),
    usage: jsonObject.optional().describe('Buckets and totals'),
    budgets: z
      .array(jsonObject.describe('scope, limit, spent, reserved, resets_at'))
      .optional()
      .describe('Budgets'),
    limits: jsonObject.optional().describe('Rate-limit state, storage'),
    page: Page.optional(),
    next_action: z.string().optional().describe('What to call for the rest'),
    error: ErrorEnvelope.optional(),
  }),
  present(account) {
    const { next_action: next, ...sections } = account;
    const lines = Object.entries(sections)
      .filter(([, value]) => value !== undefined)
      .map(([section, value]) => `${section}: ${JSON.stringify(value)}`);
    if (next !== undefined) lines.push(`Next: ${next}`);
    return [text(lines.join('\n'))];
  },
});
