import { type OAuthSettings, sharedHostPaths } from '../settings.ts';

export interface RedirectPolicy
  extends Pick<OAuthSettings, 'redirectHosts' | 'redirectSchemes' | 'redirectUris'> {
  /** A client that is known by a document (its id is a URL) may be sent to its own host. */
  clientId?: string | undefined;
}

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);
const maxLength = 2_000;

/**
 * What is wrong with a redirect URI, or undefined. Anybody may register, so codes go to the person's own machine, to
 * apps and to hosts that this deployment knows, and to nobody else.
 */
export function checkRedirectUri(uri: string, policy: RedirectPolicy): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is refused here.
  if (uri === '' || uri.length > maxLength || /[\u0000-\u0020\u007f-\uffff\\*#]/.test(uri))
    return 'it has characters that do not belong there, or is too long';
  const url = URL.parse(uri);
  if (url === null) return 'it is not a URL';
  if (url.username !== '' || url.password !== '' || /^[a-z][\w+.-]*:\/\/[^/?]*@/i.test(uri))
    return 'it has a user name';
  if (policy.redirectUris.has(uri)) return undefined;
  if (url.protocol === 'http:')
    return isLoopbackUrl(url) ? undefined : 'http is for localhost, 127.0.0.1 and [::1]';
  if (url.protocol !== 'https:') {
    return policy.redirectSchemes.has(url.protocol.slice(0, -1))
      ? undefined
      : 'this scheme is not allowed here';
  }
  if (isLoopbackUrl(url)) return 'https is not for loopback addresses';
  const isKnown = [...policy.redirectHosts].some((place) => isAt(url, place));
  return isKnown || url.host === documentHost(policy.clientId)
    ? undefined
    : 'this host is not allowed here (OAUTH_ALLOWED_REDIRECTS)';
}

/** A place is a host with or without a port, and a path where others have theirs on the same host. */
function isAt(url: URL, place: string): boolean {
  const { host, pathname } = new URL(`https://${place}`);
  if (url.host !== host) return false;
  const own = pathname.replace(/\/$/, '');
  const paths = own === '' && Object.hasOwn(sharedHostPaths, host) ? (sharedHostPaths[host] ?? []) : [own];
  return paths.some((path) => path === '' || url.pathname === path || url.pathname.startsWith(`${path}/`));
}

function documentHost(clientId: string | undefined): string | undefined {
  const url = clientId === undefined ? null : URL.parse(clientId);
  return url?.protocol === 'https:' ? url.host : undefined;
}

function isLoopbackUrl({ hostname }: URL): boolean {
  return loopbackHosts.has(hostname);
}

/**
 * With and without the slash of an empty path: clients register the one and send the other. Ports of loopback addresses
 * are compared by nobody (RFC 8252, section 7.3).
 */
export function withVariants(uris: readonly string[]): string[] {
  return [...new Set(uris.flatMap(variantsOf))];
}

function variantsOf(uri: string): string[] {
  const url = URL.parse(uri);
  if (url?.protocol !== 'http:' || url.pathname !== '/' || url.search !== '') return [uri];
  const bare = uri.replace(/\/+$/, '');
  return [bare, `${bare}/`];
}
