import { cleanText } from '../errors/index.ts';
import type { ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf } from '../schema/index.ts';
import type { HubListing } from './wire.ts';

/** A worker of the Hub: found by search, and run only after it was deployed as an endpoint of one's own. */
export function toHubSolution(listing: HubListing): ProviderModel | undefined {
  const { title, description, repoName, repoOwner, deploys, category, tags, type } = listing;
  const nativeId = `hub/${repoOwner}/${repoName}`;
  if (type !== 'SERVERLESS' || !/^[\x21-\x7e]{1,200}$/.test(nativeId)) return undefined;
  const words = [title, description, category, ...(tags ?? [])].join(' ');
  const capabilities = capabilitiesOf({ text: words });
  const line = (text: string) => cleanText(text, { maxLength: 240 });
  return {
    nativeId,
    title: line(title) || repoName,
    summary: line(description ?? '') || `A worker of the Runpod Hub: ${line(title)}`,
    kind: 'solution',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: repoOwner,
    tags: ['hub', ...(tags ?? []).map(line)].filter((tag) => tag !== '').slice(0, 16),
    isFeatured: false,
    isLive: false,
    weight: Math.min(deploys ?? 0, 1_000) / 1_000 - 2,
    inputSchema: { type: 'object' },
    outputSchema: { type: 'object' },
    price: { text: 'worker time, once deployed', currency: 'USD', basis: 'unknown' },
    examples: [],
    readme: `# ${line(title)}\n\nA worker of the Runpod Hub (github.com/${repoOwner}/${repoName}). Deploy it as a serverless endpoint; it is a model of your account then.\n`,
  };
}
