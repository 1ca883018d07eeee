import { createHash } from 'node:crypto';
import type { ListReader, PlatformClient } from '../http/index.ts';
import type { Provider, ProviderContext, ProviderModel } from '../provider.ts';
import { toHubSolution } from './hub.ts';
import { toPublicModel } from './public-models.ts';
import { HubListing, HubListings, PublicConfig, PublicConfigs } from './wire.ts';

const configsQuery = `query { allAiApiPublicConfigs {
  id aiApiId modelName displayName description metadata isLive } }`;
const listingsQuery = `query { listings(input: {}) {
  title description repoName repoOwner deploys category tags type } }`;

/** The public catalogue, which needs no key and gets none. */
export async function listCatalog(
  client: PlatformClient,
  options: { context: ProviderContext; etag: string | undefined; hasHub: boolean; lists: ListReader },
): ReturnType<Provider['listModels']> {
  const { context, etag, hasHub, lists } = options;
  const call = { method: 'POST', base: 'graphql', isKeyless: true } as const;
  const { body } = await client.read(PublicConfigs, { ...call, json: { query: configsQuery } }, context);
  const models = lists.read(body.data.allAiApiPublicConfigs, PublicConfig).map(toPublicModel);
  if (hasHub) {
    const hub = await client.read(HubListings, { ...call, json: { query: listingsQuery } }, context);
    models.push(...lists.read(hub.body.data.listings, HubListing).map(toHubSolution));
  }
  const known = distinct(models.filter((model) => model !== undefined));
  const now = createHash('sha256').update(JSON.stringify(known)).digest('base64url');
  return etag === now ? 'unchanged' : { etag: now, models: known };
}

function distinct(models: readonly ProviderModel[]): ProviderModel[] {
  const byId = new Map(models.map((model) => [model.nativeId, model]));
  return [...byId.values()].sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
}
