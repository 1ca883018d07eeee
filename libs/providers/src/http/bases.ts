import { AppError, isPrivateHost, Recent } from '@inferry/contracts';

/** Where a platform is: the addresses that an operator configured or that are built in, by name. */
export interface Bases {
  /** The one that calls go to when they name none, and that a connection's own base URL replaces. */
  api: string;
  [name: string]: string;
}

export interface AddressRules {
  /** For messages. */
  title: string;
  bases: Bases;
  /**
   * Further hosts that the platform's key may be sent to, by https only: `queue.fal.run`, or `.fal.run` for every host
   * below that name. The hosts of the bases count by themselves.
   */
  keyHosts?: readonly string[] | undefined;
  /** Whether a connection's own base URL may be a private or loopback address. The configured bases always may. */
  allowPrivateHosts?: boolean | undefined;
}

export interface Address {
  url: URL;
  /** Whether the platform's key may travel there. */
  takesKey: boolean;
  /** Whether it may be reached on a private address: only where an operator put it there. */
  mayBePrivate: boolean;
}

export interface AddressRequest {
  /** Below a base: `/v1/jobs`. */
  path?: string | undefined;
  base?: string | undefined;
  /** Whole, as the platform gave it. */
  url?: string | undefined;
  query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>> | undefined;
  /** The connection's own base URL. */
  connectionBase?: string | undefined;
}

/** Where a call goes, and what it may carry there. Throws `url_rejected` for an address that nothing may go to. */
export function toAddress(request: AddressRequest, rules: AddressRules): Address {
  const bases = { ...rules.bases, ...(request.connectionBase && { api: request.connectionBase }) };
  const url = withQuery(toUrl(request, bases, rules.title), request.query);
  if (
    url.protocol !== 'https:' &&
    url.protocol !== 'http:' &&
    url.protocol !== 'wss:' &&
    url.protocol !== 'ws:'
  ) {
    throw rejected(rules.title, 'is neither http nor https');
  }
  if (url.username !== '' || url.password !== '') throw rejected(rules.title, 'carries a name or a password');
  const isConfigured = Object.values(rules.bases).some((base) => isSameOrigin(base, url));
  const isOfConnection = request.connectionBase !== undefined && isSameOrigin(request.connectionBase, url);
  const mayBePrivate = isConfigured || rules.allowPrivateHosts === true;
  if (!mayBePrivate && isPrivateHost(url.hostname)) {
    throw rejected(rules.title, 'is not on the public internet');
  }
  return { url, mayBePrivate, takesKey: isConfigured || isOfConnection || isKeyHost(url, rules.keyHosts) };
}

function toUrl({ path, base = 'api', url }: AddressRequest, bases: Bases, title: string): URL {
  const root = bases[base];
  if (url !== undefined) {
    if (URL.canParse(url)) return new URL(url);
    throw rejected(title, 'is not a URL');
  }
  if (root === undefined || !URL.canParse(root)) throw new Error(`${title} has no base URL called ${base}`);
  const below = path ?? '';
  // A model's id becomes part of a path: it may not climb out of it.
  if (/(^|\/)\.{1,2}(\/|$|\?)|%2e%2e|\\/i.test(below.split('?')[0] ?? '')) {
    throw new AppError('model_not_found', `${title} has nothing of this name.`);
  }
  return new URL(root.replace(/\/+$/, '') + below);
}

function withQuery(url: URL, query: AddressRequest['query']): URL {
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    if (typeof value === 'object') for (const item of value) url.searchParams.append(name, item);
    else url.searchParams.set(name, String(value));
  }
  return url;
}

/** A web socket's address belongs to the origin of its HTTP counterpart. */
function isSameOrigin(base: string, { protocol, host }: URL): boolean {
  return originOf(base) === `${plainProtocol(protocol)}//${host}`;
}

/** Bases are the same few at every call. */
const origins = new Recent<string>(200);

/** Empty for what is no URL. */
function originOf(base: string): string {
  const known = origins.get(base);
  if (known !== undefined) return known;
  const url = URL.parse(base);
  const origin = url === null ? '' : `${plainProtocol(url.protocol)}//${url.host}`;
  origins.set(base, origin);
  return origin;
}

function plainProtocol(protocol: string): string {
  return protocol.replace(/^ws/, 'http');
}

function isKeyHost({ protocol, hostname, port }: URL, keyHosts: readonly string[] = []): boolean {
  if ((protocol !== 'https:' && protocol !== 'wss:') || port !== '') return false;
  return keyHosts.some((host) => (host.startsWith('.') ? hostname.endsWith(host) : hostname === host));
}

function rejected(title: string, why: string): AppError {
  return new AppError('url_rejected', `An address of ${title} ${why}; nothing was sent there.`);
}
