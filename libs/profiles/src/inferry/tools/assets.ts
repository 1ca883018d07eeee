/** The canonical tools of the library of stored files; the toolset is not on by default. */
import { type Asset, defineTool, deleteAssets, listAssets, text, updateAssets } from '@inferry/contracts';
import { destructive, readOnly, write } from '../../annotations.ts';
import { pageLine } from '../../present-run.ts';

const closed = { openWorldHint: false };

export const assetTools = [
  defineTool({
    name: 'list_assets',
    title: 'List assets',
    description: 'Your stored files, newest first: outputs of runs and uploads. asset_id shows one in full.',
    annotations: { ...readOnly, ...closed },
    operation: listAssets,
    present: ({ items = [], page }) => [
      text([...items.flatMap(linesOf), pageLine(items.length, page)].join('\n')),
    ],
  }),
  defineTool({
    name: 'update_assets',
    title: 'Update assets',
    description: 'Tag assets, keep them or let them end, or revoke every link to them.',
    annotations: { ...write, ...closed, idempotentHint: true },
    operation: updateAssets,
    present: ({ items = [] }) => [text([`Updated ${items.length}.`, ...items.flatMap(linesOf)].join('\n'))],
  }),
  defineTool({
    name: 'delete_assets',
    title: 'Delete assets',
    description:
      'Delete stored files, or all that is kept of a run, here and at its platform. Cannot be undone.',
    annotations: destructive,
    operation: deleteAssets,
    present({ deleted = 0, not_found: missing = [], platform }) {
      const lines = [`Deleted: ${deleted}.`];
      if (missing.length > 0) lines.push(`No such assets of yours: ${missing.join(', ')}.`);
      if (platform === 'asked') lines.push('Its platform is asked to delete it too.');
      if (platform === 'not_offered')
        lines.push('Its platform has no way to delete it: it ends there by its own rules.');
      return [text(lines.join('\n'))];
    },
  }),
] as const;

function linesOf(asset: Asset): string[] {
  const {
    asset_id: id,
    kind = 'file',
    url,
    file_name: name,
    model,
    prompt,
    tags = [],
    created_at: at,
  } = asset;
  const facts = [
    url === undefined ? kind : `[${kind}](${url})`,
    ...(name === undefined ? [] : [name]),
    ...(model === undefined ? [] : [model]),
    ...(prompt === undefined ? [] : [`“${prompt}”`]),
    ...tags.map((one) => `#${one}`),
    ...(at === undefined ? [] : [at]),
    ...(asset.expires_at === undefined ? [] : [`ends ${asset.expires_at}`]),
    ...(asset.run_id === undefined ? [] : [asset.run_id]),
    ...(asset.permanent_url === undefined ? [] : [`[permanent link](${asset.permanent_url})`]),
  ];
  return [`- ${id}: ${facts.join(', ')}`];
}
