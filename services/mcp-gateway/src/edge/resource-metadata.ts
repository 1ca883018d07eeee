import type { IncomingMessage } from 'node:http';
import { hasScope, isScope, type ProfileAccess, scopes } from '@inferry/contracts';
import {
  isLoopback,
  issuerOfHost,
  type ProfileHost,
  profileHostOf,
  profileOfPath,
  profileOfRequest,
} from '@inferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { HttpRefusal } from '../http-refusal.ts';
import { namesIn } from './cors.ts';
import { refuseNoServer } from './no-authorization-server.ts';
import { oneValue } from './request-head.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Where a client finds out who signs people in here (RFC 9728, section 3.1). */
export const metadataPath = '/.well-known/oauth-protected-resource';

/** Where this deployment is, as its public URL says: clients may come by another name of it, or below a path. */
export class ResourceAddress {
  readonly #origin: string;
  readonly #protocol: string;
  readonly #host: string;
  /** Of the public URL, without a slash at the end. */
  readonly #prefix: string;

  readonly #publicUrl: string;
  readonly #profileHosts: readonly ProfileHost[];

  constructor(publicUrl: string, profileHosts: readonly ProfileHost[] = []) {
    const { origin, protocol, host, pathname } = new URL(publicUrl);
    this.#origin = origin;
    this.#protocol = protocol;
    this.#host = host;
    this.#prefix = pathname.replace(/\/+$/, '');
    this.#publicUrl = publicUrl;
    this.#profileHosts = profileHosts;
  }

  /** The address of the metadata that covers the address of a request; without one, of the canonical resource. */
  metadataUrl(request: IncomingMessage | undefined): string {
    if (request === undefined) return `${this.#origin}${metadataPath}${this.#prefix}/mcp`;
    const path = pathOf(request.url ?? '/');
    const covered = isMcpPath(path) ? path : '/mcp';
    return `${this.#originOf(request)}${metadataPath}${this.#withPrefix(request, covered)}`;
  }

  /** The path that the metadata at a path is about, without the path of the public URL. */
  pathAt(request: IncomingMessage): string {
    const below = pathOf(request.url ?? '').slice(metadataPath.length);
    return below === this.#prefix || below.startsWith(`${this.#prefix}/`)
      ? below.slice(this.#prefix.length)
      : below;
  }

  /** What the metadata at a path is about; undefined when MCP is not served there. */
  resourceAt(request: IncomingMessage): string | undefined {
    const path = this.pathAt(request);
    if (!isMcpPath(path)) return undefined;
    // The bare document is about the canonical resource: clients try it for whichever address they have.
    if (pathOf(request.url ?? '') === metadataPath)
      return `${this.#originOf(request)}${this.#withPrefix(request, '')}/`;
    return `${this.#originOf(request)}${this.#withPrefix(request, path)}${path === '' ? '/' : ''}`;
  }

  /** Who signs people in for the resource at a path of the metadata; the host of a profile does so for it alone. */
  issuerFor(request: IncomingMessage, issuer: string): string {
    const host = this.#profileHostOf(request);
    return host === undefined || (profileOfPath(this.pathAt(request)) ?? host.profile) !== host.profile
      ? issuer
      : issuerOfHost(host, this.#publicUrl);
  }

  /** The profile that the metadata at a path is about. */
  profileAt(request: IncomingMessage): string | undefined {
    return profileOfPath(this.pathAt(request)) ?? this.#profileHostOf(request)?.profile;
  }

  /** Where the paths of a request's host begin, without a slash at the end. */
  baseOf(request: Pick<IncomingMessage, 'headers'>): string {
    return `${this.#originOf(request)}${this.#withPrefix(request, '')}`;
  }

  #profileHostOf({ headers }: Pick<IncomingMessage, 'headers'>): ProfileHost | undefined {
    return profileHostOf(oneValue(headers.host), this.#profileHosts);
  }

  /** The hosts of profiles have nothing in front of their paths. */
  #withPrefix(request: Pick<IncomingMessage, 'headers'>, path: string): string {
    if (this.#profileHostOf(request) !== undefined) return path;
    return this.#prefix !== '' && path.startsWith(`${this.#prefix}/`) ? path : `${this.#prefix}${path}`;
  }

  /**
   * The Host has passed the check of allowed names; its spelling is the client's. By a name of loopback nobody reaches a
   * deployment that is public: that is a proxy, which says no other name.
   */
  #originOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
    const url = URL.parse(`${this.#protocol}//${oneValue(headers.host) ?? this.#host}`);
    if (url === null) return this.#origin;
    const host = url.host.replace(/\.(?=:\d+$|$)/, '');
    const isInternal = isLoopback(url.hostname) && !isLoopback(new URL(this.#origin).hostname);
    return host === this.#host || isInternal ? this.#origin : `${this.#protocol}//${host}`;
  }
}

/** The profile whose mount a request came to; undefined: the deployment's own tools. */
export function profileOfMessage(
  request: Pick<IncomingMessage, 'url' | 'headers'>,
  profileHosts: readonly ProfileHost[],
): string | undefined {
  const { url = '/', headers } = request;
  return profileOfRequest({ host: oneValue(headers.host), path: pathOf(url) }, profileHosts);
}

/** Asked for every request, most of which have the plain address of a mount. */
function pathOf(url: string): string {
  if (!url.includes('?') && !url.endsWith('/')) return url;
  return (url.split('?', 1)[0] ?? '').replace(/\/+$/, '');
}

function isMcpPath(path: string): boolean {
  return path === '' || /^\/mcp(\/[\w.~,%-]+)*$/.test(path);
}

interface MetadataParts {
  /** Undefined: nobody signs in here. */
  keys: SigningKeys | undefined;
  address: ResourceAddress;
  resourceName: string;
  accessOf(profile: string | undefined): ProfileAccess;
  /** Whether there is a mount where a request comes to. */
  isServed(request: Pick<IncomingMessage, 'url' | 'headers'>): boolean;
  /** What holds before a Host is believed: the addresses in the metadata follow from it. */
  checks: readonly ((request: IncomingMessage) => HttpRefusal | undefined)[];
}

/** Clients ask for all that is listed: what is granted by name alone is asked for where a call needs it. */
const usualScopes = Object.keys(scopes).filter((scope) => isScope(scope) && hasScope(['mcp'], scope));

/** Whoever reads it, from whichever page. */
const open = { 'access-control-allow-origin': '*', 'x-content-type-options': 'nosniff' } as const;

/**
 * The metadata of this protected resource at each address that it is served at, and at the bare one that some clients
 * try. It names the issuer exactly as its tokens do: clients compare the texts.
 */
export function mountResourceMetadata(app: FastifyInstance, parts: MetadataParts): void {
  for (const url of [metadataPath, `${metadataPath}/*`]) {
    app.options(url, async (request, reply) => {
      const asked = request.headers['access-control-request-headers'];
      reply.code(204).headers({
        ...open,
        'access-control-allow-methods': 'GET',
        'access-control-allow-headers': namesIn(asked).join(', '),
        'access-control-max-age': '7200',
        vary: 'Access-Control-Request-Headers',
      });
      return reply.send();
    });
    app.get(url, async (request, reply) => answerMetadata(parts, { request, reply }));
  }
}

function answerMetadata(
  { keys, address, resourceName, accessOf, isServed, checks }: MetadataParts,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): object {
  for (const check of checks) {
    const refusal = check(request.raw);
    if (refusal === undefined) continue;
    reply.code(refusal.status).headers({ ...open, ...refusal.headers });
    return { error: { code: refusal.data.code, message: refusal.message } };
  }
  const { isAlwaysExplained, scope } = accessOf(address.profileAt(request.raw));
  reply.headers(open);
  const { headers } = request.raw;
  const hasMount = isServed({ url: address.pathAt(request.raw) || '/', headers });
  const resource = hasMount ? address.resourceAt(request.raw) : undefined;
  if (keys === undefined && isAlwaysExplained !== true) return refuseNoServer(reply);
  if (resource === undefined) {
    reply.code(404);
    return { error: { code: 'not_found', message: 'MCP is not served at this address.' } };
  }
  const about = { bearer_methods_supported: ['header'], resource_name: resourceName };
  // Nobody signs in: what there is to say is that keys come in a header.
  if (keys === undefined) return { resource, ...about };
  if (keys.trust === undefined) {
    reply.code(503).headers({ 'retry-after': '2', 'cache-control': 'no-store' });
    return { error: { code: 'unavailable', message: 'This replica is starting.' } };
  }
  reply.headers({ 'cache-control': 'public, max-age=300', vary: 'Host' });
  return {
    resource,
    authorization_servers: [address.issuerFor(request.raw, keys.trust.issuer)],
    scopes_supported: scope === undefined ? usualScopes : scope.split(' '),
    ...about,
  };
}
