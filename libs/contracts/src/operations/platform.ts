/** What a platform has beside models and runs, asked for with the caller's own key: records, community, storage, account. */
import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';

const provider = z.string().min(1).max(100).describe('Provider slug');
const error = ErrorEnvelope.optional();

/** The taxonomy that models are found by. */
export const listCapabilities = defineOperation({
  name: 'list_capabilities',
  toolset: 'discover',
  scope: 'models:read',
  isLong: true,
  input: z.object({ provider }),
  reply: z.object({
    capabilities: z
      .array(z.object({ id: z.string().describe('Filter value'), label: z.string().describe('Name') }))
      .optional()
      .describe('Capabilities'),
    error,
  }),
});

export const modelRecords = ['about', 'examples', 'prices'] as const;

/** What the platform itself says of a model, in its own words and unread. */
export const readModelRecord = defineOperation({
  name: 'read_model_record',
  toolset: 'discover',
  scope: 'models:read',
  isLong: true,
  input: z.object({
    model: z.string().min(1).max(300).describe('Model id from search_models'),
    part: z.enum(modelRecords).describe('Which record'),
    capability: z.string().max(100).optional().describe('Limit examples to one capability'),
  }),
  reply: z.object({
    model: z.string().optional().describe('Model'),
    title: z.string().optional().describe('Name'),
    record: z.unknown().optional().describe('As the platform says it; absent where it says nothing'),
    error,
  }),
});

/** Models that nobody curates: of a platform's community, and those that the account uploaded. */
export const searchCommunity = defineOperation({
  name: 'search_community',
  toolset: 'discover',
  scope: 'models:read',
  isLong: true,
  input: z.object({
    provider,
    search: z.string().max(500).describe('Free text'),
    category: z.string().max(100).optional().describe('Kind of weights'),
    type: z.string().max(100).optional().describe('Kind of checkpoint'),
    architecture: z.string().max(100).optional().describe('Architecture'),
    tags: z.array(z.string().max(100)).max(20).optional().describe('Tags'),
    limit: z.int().min(1).max(100).optional().describe('Max models, default 20'),
    offset: z.int().min(0).max(100_000).optional().describe('Skip so many'),
  }),
  reply: z.object({
    total: z.int().optional().describe('Known total'),
    models: z
      .array(
        z.object({
          id: z.string().describe('Native id'),
          name: z.string().optional().describe('Name'),
          version: z.string().optional().describe('Version'),
          category: z.string().optional().describe('Kind of weights'),
          architecture: z.string().optional().describe('Architecture'),
          tags: z.array(z.string()).optional().describe('Tags'),
        }),
      )
      .optional()
      .describe('Matches'),
    error,
  }),
});

/** Registers weights at the platform. Sent once. */
export const uploadWeights = defineOperation({
  name: 'upload_weights',
  toolset: 'files',
  scope: 'files:write',
  isLong: true,
  input: z.object({ provider, weights: jsonObject.describe('What the platform takes') }),
  reply: z.object({ record: jsonObject.optional().describe("The platform's answer"), error }),
});

/** Puts a file into the platform's own storage, or takes it out. Sent once. */
export const storeMedia = defineOperation({
  name: 'store_media',
  toolset: 'files',
  scope: 'files:write',
  isLong: true,
  input: z.object({
    provider,
    operation: z.enum(['upload', 'delete']).describe('What to do'),
    media: z.string().min(1).describe('A link, a data URI or base64; to delete, its id'),
  }),
  reply: z.object({ record: jsonObject.optional().describe("The platform's answer"), error }),
});

/** The caller's account at a platform. Of a key that is shared, what is left and used alone. */
export const readPlatformAccount = defineOperation({
  name: 'read_platform_account',
  toolset: 'account',
  scope: 'account:read',
  isLong: true,
  input: z.object({ provider }),
  reply: z.object({ record: jsonObject.optional().describe("The platform's answer"), error }),
});
