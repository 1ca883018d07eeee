/**
 * What programs read before they connect: the server card of a mount (SEP-2127, `<address>/server-card`) and the catalog of
 * the cards of a host (`/.well-known/ai-catalog.json`). Both say where to connect and never what a key is.
 */

import { legacyVersions, modernVersion } from '@inferry/mcp';
import { displayText } from '@inferry/pages';
import type { Site } from './site.ts';

export const cardType = 'application/mcp-server-card+json';
export const catalogType = 'application/ai-catalog+json';

const cardSchema = 'https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json';

export function serverCard(site: Site): object {
  const { title, version, url, home, icon } = site;
  return {
    $schema: cardSchema,
    name: `${publisherOf(site).split('.').reverse().join('.')}/${site.key}`,
    version,
    title: displayText(title, 100) || site.key,
    description: descriptionOf(site),
    websiteUrl: home === site.base ? `${home}/` : home,
    ...(icon?.startsWith('https:') === true ? { icons: [{ src: icon }] } : {}),
    remotes: [
      {
        type: 'streamable-http',
        url,
        supportedProtocolVersions: [modernVersion, ...legacyVersions],
        ...headersOf(site),
      },
    ],
  };
}

/** Where people sign in the client finds out by itself; a key has to be asked for. */
function headersOf({ access }: Site): object {
  if (access !== 'key') return {};
  return {
    headers: [
      {
        name: 'Authorization',
        description: 'A key of this server',
        isRequired: true,
        isSecret: true,
        value: 'Bearer {key}',
        variables: { key: { description: 'A key of this server', isRequired: true, isSecret: true } },
      },
    ],
  };
}

export function aiCatalog(sites: readonly Site[]): object {
  const [first] = sites;
  return {
    specVersion: '1.0',
    ...(first === undefined
      ? {}
      : { host: { displayName: first.branding.name, documentationUrl: `${first.base}/` } }),
    entries: sites.map((site) => ({
      identifier: `urn:air:${publisherOf(site)}:mcp:${site.key}`,
      displayName: displayText(site.title, 100) || site.key,
      description: descriptionOf(site),
      version: site.version,
      type: cardType,
      url: `${site.url}/server-card`,
    })),
  };
}

function descriptionOf({ title, isCanonical }: Site): string {
  const said = isCanonical
    ? 'Find any model of many AI inference platforms, run it, know its cost and keep its outputs.'
    : `${displayText(title, 60)}: its models and tools for AI agents.`;
  return said.slice(0, 100);
}

/** The host as a publisher's name: addresses of this machine have none. */
function publisherOf({ base }: Site): string {
  const { hostname } = new URL(base);
  return /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*$/.test(hostname) ? hostname : 'localhost';
}
