// Which addresses are one resource: the spellings of a deployment's own address, its mounts below `/mcp`, and hosts of
// their own. The gateway and the authorization server ask the same functions, so that a token is for what it is used at.
import { isLoopback } from './config.ts';

/** A host whose root, `/mcp` and OAuth paths are those of one profile. */
export interface ProfileHost {
  /** `host` or `host:port`, in lower case. */
  host: string;
  profile: string;
}

/** Where a deployment is reached. */
export interface Place {
  /** Its public URL without a slash at the end. */
  url: string;
  /** Further hosts that gateways answer for (`host`, `host:port`). */
  hosts: readonly string[];
  profileHosts?: readonly ProfileHost[] | undefined;
}

const profileKey = '[a-z][a-z0-9-]{0,39}';
const profileHostPattern = new RegExp(
  `^((?:[a-z0-9-]+(?:\\.[a-z0-9-]+)*|\\[[0-9a-f:.]+\\])(?::\\d{1,5})?)=(${profileKey})$`,
);
/** `x` stands before a selection of tools. */
const mountPattern = new RegExp(`^/mcp/(?!x(?:/|$))(${profileKey})(?:/|$)`);

/** Reads `PROFILE_HOSTS`: `mcp.example.com=runware`. Throws an Error that says what is wrong. */
export function parseProfileHosts(items: readonly string[]): ProfileHost[] {
  const found = items.map((item) => {
    const [, host, profile] = profileHostPattern.exec(item.toLowerCase()) ?? [];
    if (host === undefined || profile === undefined)
      throw new Error(`"${item.slice(0, 80)}" is not like mcp.example.com=runware`);
    return { host, profile };
  });
  const twice = found.find(({ host }, at) => found.findIndex((other) => other.host === host) !== at);
  if (twice !== undefined) throw new Error(`${twice.host} is named twice`);
  return found;
}

/** The profile that a path below `/mcp` is of; undefined for the deployment's own tools. */
export function profileOfPath(path: string): string | undefined {
  return path.startsWith('/mcp/') ? mountPattern.exec(path)?.[1] : undefined;
}

/** The profile whose host this value of the Host header is, whatever its spelling. */
export function profileHostOf(
  host: string | undefined,
  profileHosts: readonly ProfileHost[],
): ProfileHost | undefined {
  if (profileHosts.length === 0 || host === undefined) return undefined;
  const sent = split(host);
  return profileHosts.find((one) => isSameHost(sent, split(one.host)));
}

/** The profile that a request is for; undefined: the deployment's own tools. The path counts before the host. */
export function profileOfRequest(
  { host, path }: { host: string | undefined; path: string },
  profileHosts: readonly ProfileHost[],
): string | undefined {
  return profileOfPath(path) ?? profileHostOf(host, profileHosts)?.profile;
}

/** The issuer of a profile's host: where the OAuth paths of that host are. */
export function issuerOfHost({ host }: ProfileHost, url: string): string {
  return new URL(`${new URL(url).protocol}//${host}`).origin;
}

/** The one name of what tokens are for (RFC 8707), as `aud` says it: a mount, or without one the whole deployment. */
export function resourceName(url: string, profile?: string): string {
  return profile === undefined ? `${url}/mcp` : `${url}/mcp/${profile}`;
}

/** The profile that `aud` names; `''` for the whole deployment, undefined for what is not ours. */
export function profileOfAudience(audience: string, url: string): string | undefined {
  if (audience === resourceName(url) || audience === url || audience === `${url}/`) return '';
  const profile = audience.startsWith(`${url}/`) ? profileOfPath(audience.slice(url.length)) : undefined;
  return profile !== undefined && audience === resourceName(url, profile) ? profile : undefined;
}

/**
 * The one name of a resource for every spelling that clients use: with a trailing slash, with an upper-case scheme or
 * host, by another name of loopback, by a further host that gateways answer for or one of a profile's own, the bare
 * origin, one of the paths below a mount, or with the choice of tools that an address may have. Undefined for anything else.
 */
export function resourceAt(value: string, place: Place): string | undefined {
  const url = URL.parse(value);
  if (url === null || url.hash !== '' || url.username !== '' || !isChoice(url)) return undefined;
  const base = new URL(place.url);
  if (url.protocol !== base.protocol) return undefined;
  const path = url.pathname.replace(/\/+$/, '');
  const ofHost = profileHostOf(url.host, place.profileHosts ?? []);
  if (ofHost === undefined && !isSamePlace(url, base) && !isFurtherHost(url, place)) return undefined;
  // The hosts of profiles have nothing in front of their paths.
  const own = ofHost === undefined ? below(pathOfUrl(place.url), path) : path;
  if (own === undefined || !isMcpPath(own)) return undefined;
  return resourceName(place.url, profileOfPath(own) ?? ofHost?.profile);
}

/** What a client may add to the address of a mount to have a part of its tools, or more of them. */
const choices: ReadonlySet<string> = new Set(['toolsets', 'exclude', 'readonly', 'models']);

function isChoice({ searchParams }: URL): boolean {
  return [...searchParams.keys()].every((name) => choices.has(name));
}

/** What lies behind a prefix; undefined where the path is not below it. */
function below(prefix: string, path: string): string | undefined {
  return path === prefix || path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined;
}

function isMcpPath(path: string): boolean {
  return path === '' || path === '/mcp' || path.startsWith('/mcp/');
}

/** Final dots and the names of loopback are spellings; case and default ports are looked past by the parser. */
function isSamePlace(url: URL, base: URL): boolean {
  const name = withoutDot(url.hostname);
  if (url.port !== base.port) return false;
  return name === base.hostname || (isLoopback(name) && isLoopback(base.hostname));
}

function isFurtherHost(url: URL, { hosts }: Place): boolean {
  return hosts.some((host) => isSameHost(split(url.host), split(host.toLowerCase())));
}

/** Ports that a scheme implies: a host that is listed without a port, or with one of these, is meant with any of them. */
const impliedPorts: ReadonlySet<string> = new Set(['', '80', '443']);

interface Authority {
  name: string;
  port: string;
}

function isSameHost(sent: Authority, listed: Authority): boolean {
  if (sent.name !== listed.name) return false;
  return sent.port === listed.port || (impliedPorts.has(sent.port) && impliedPorts.has(listed.port));
}

function split(host: string): Authority {
  const at = host.lastIndexOf(':');
  const hasPort = at > host.lastIndexOf(']');
  const name = hasPort ? host.slice(0, at) : host;
  return { name: withoutDot(name.toLowerCase()), port: hasPort ? host.slice(at + 1) : '' };
}

function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** The path below which a deployment is, without a slash at its end; empty at the root of its host. */
export function pathOfUrl(publicUrl: string): string {
  return new URL(publicUrl).pathname.replace(/\/+$/, '');
}
