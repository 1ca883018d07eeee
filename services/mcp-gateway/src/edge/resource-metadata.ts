import { scopes } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';
import type { SigningKeys } from './signing-keys.ts';

/** Where a client finds out who signs people in here (RFC 9728, section 3.1). */
export const metadataPath = '/.well-known/oauth-protected-resource';

/** The address that challenges lead to: the one of the canonical resource. */
export function metadataUrl(publicUrl: string): string {
  const { origin, pathname } = new URL(publicUrl);
  return `${origin}${metadataPath}${pathname.replace(/\/+$/, '')}/mcp`;
}

/**
 * The metadata of this protected resource, at its own address and at the bare one that some clients try. It names the
 * issuer exactly as its tokens do: clients compare the texts.
 */
export function mountResourceMetadata(
  app: FastifyInstance,
  { keys, resourceName }: { keys: SigningKeys; resourceName: string },
): void {
  for (const url of [metadataPath, `${metadataPath}/mcp`]) {
    app.get(url, async (_request, reply) => {
      const { trust } = keys;
      reply.headers({ 'access-control-allow-origin': '*', 'x-content-type-options': 'nosniff' });
      if (trust === undefined) {
        reply.code(503).headers({ 'retry-after': '2', 'cache-control': 'no-store' });
        return { error: { code: 'unavailable', message: 'This replica is starting.' } };
      }
      reply.header('cache-control', 'public, max-age=300');
      return {
        resource: trust.audiences[0],
        authorization_servers: [trust.issuer],
        scopes_supported: Object.keys(scopes),
        bearer_methods_supported: ['header'],
        resource_name: resourceName,
      };
    });
  }
}
