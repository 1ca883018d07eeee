/** The library of stored files: what the caller's runs made and what they uploaded, found, named, kept and deleted. */
import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { cursor, dateTime, limit, Page } from '../shapes/basics.ts';

export const assetKinds = ['image', 'video', 'audio', 'text', '3d', 'file'] as const;
export const assetSources = ['run', 'upload'] as const;

const tag = z.string().trim().min(1).max(130);
const assetIds = z.array(z.string().max(100)).min(1).max(50);

/** A stored file as lists show it. */
export const Asset = z.object({
  asset_id: z.string().describe('Pass to run_model, view_output'),
  kind: z.string().optional().describe('image, video, audio, text, 3d, file'),
  url: z.string().optional().describe('Link'),
  file_name: z.string().optional().describe('Name'),
  mime_type: z.string().optional().describe('MIME'),
  bytes: z.int().optional().describe('Size'),
  run_id: z.string().optional().describe('Made by this run'),
  model: z.string().optional().describe('Made by this model'),
  prompt: z.string().optional().describe('What was asked for'),
  tags: z.array(z.string()).optional().describe('Tags'),
  created_at: dateTime.optional(),
  expires_at: z.string().optional().describe('When it is deleted; absent: kept'),
  permanent_url: z.string().optional().describe('Link that signs itself anew until it is revoked'),
});
export type Asset = z.infer<typeof Asset>;

export const listAssets = defineOperation({
  name: 'list_assets',
  toolset: 'assets',
  scope: 'runs:read',
  input: z.object({
    query: z.string().max(200).optional().describe('Words in the prompt or the file name'),
    model: z.string().max(300).optional().describe('Filter'),
    tags: z.array(tag).max(10).optional().describe('All of these'),
    kind: z.enum(assetKinds).optional().describe('Filter'),
    source: z.enum(assetSources).optional().describe('Outputs of runs, or uploads'),
    run_id: z.string().max(100).optional().describe('Outputs of this run'),
    since: z.iso.datetime({ offset: true }).optional().describe('RFC 3339'),
    until: z.iso.datetime({ offset: true }).optional().describe('RFC 3339'),
    asset_id: z.string().max(100).optional().describe('One asset, with all that is known of it'),
    limit,
    cursor,
  }),
  reply: z.object({
    items: z.array(Asset).optional().describe('Newest first'),
    page: Page.optional(),
    error: ErrorEnvelope.optional(),
  }),
});

export const updateAssets = defineOperation({
  name: 'update_assets',
  toolset: 'assets',
  scope: 'files:write',
  input: z.object({
    asset_ids: assetIds.describe('Assets'),
    add_tags: z.array(tag).max(20).optional().describe('Tags to add'),
    remove_tags: z.array(tag).max(20).optional().describe('Tags to remove'),
    expires_in: z.int().min(60).max(3_153_600_000).optional().describe('Delete after so many seconds'),
    keep: z.boolean().optional().describe('Keep as long as the deployment allows'),
    revoke_links: z.boolean().optional().describe('End every link given out so far'),
  }),
  reply: z.object({
    items: z.array(Asset).optional().describe('As they are now'),
    error: ErrorEnvelope.optional(),
  }),
});

export const deleteAssets = defineOperation({
  name: 'delete_assets',
  toolset: 'assets',
  scope: 'files:write',
  input: z.object({
    asset_ids: assetIds.optional().describe('Assets'),
    run_id: z
      .string()
      .max(100)
      .optional()
      .describe('Or all that is kept of a run: outputs, input, and at its platform where that can be asked'),
  }),
  reply: z.object({
    deleted: z.int().optional().describe('Files'),
    not_found: z.array(z.string()).optional().describe('No such assets of yours'),
    platform: z
      .enum(['asked', 'not_offered', 'nothing'])
      .optional()
      .describe('asked: its platform deletes it too; not_offered: it has no way to'),
    error: ErrorEnvelope.optional(),
  }),
});
