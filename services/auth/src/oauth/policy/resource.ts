import { isLoopback } from '@inferry/runtime';
import { type OAuthSettings, resourceOf } from '../settings.ts';

/** Where this deployment is, and by which further hosts gateways answer for it. */
export type Place = Pick<OAuthSettings, 'issuer' | 'hosts'>;

/**
 * The one spelling of this deployment's resource for every spelling that clients use: with a trailing slash, with an
 * upper-case scheme or host, by another name of loopback, by a further host that gateways answer for, the bare origin, or one of the paths below `/mcp`. Anything else stays as it is and is
 * refused as `invalid_target`.
 */
export function canonicalResource(value: string, { issuer, hosts }: Place): string {
  const url = URL.parse(value);
  if (url === null || url.hash !== '' || url.username !== '' || url.search !== '') return value;
  const base = new URL(issuer);
  if (!isSamePlace(url, base) && !isFurtherHost(url, { base, hosts })) return value;
  const prefix = base.pathname.replace(/\/+$/, '');
  const path = url.pathname.replace(/\/+$/, '');
  const isOurs = path === prefix || path === `${prefix}/mcp` || path.startsWith(`${prefix}/mcp/`);
  return isOurs ? resourceOf(issuer) : value;
}

/** Final dots and the names of loopback are spellings; case and default ports are looked past by the parser. */
function isSamePlace(url: URL, base: URL): boolean {
  const name = nameOf(url);
  if (url.protocol !== base.protocol || url.port !== base.port) return false;
  return name === base.hostname || (isLoopback(name) && isLoopback(base.hostname));
}

/** A host that an operator lists without a port, or with one that a scheme implies, is meant with any of them. */
function isFurtherHost(url: URL, { base, hosts }: { base: URL; hosts: readonly string[] }): boolean {
  if (url.protocol !== base.protocol) return false;
  return hosts.some((host) => {
    const listed = URL.parse(`${base.protocol}//${host}`);
    if (listed === null) return false;
    const ports = impliedPorts.has(portOf(host)) ? impliedPorts : new Set([listed.port]);
    return nameOf(url) === nameOf(listed) && (ports.has(url.port) || url.port === listed.port);
  });
}

const impliedPorts: ReadonlySet<string> = new Set(['', '80', '443']);

function nameOf({ hostname }: URL): string {
  return hostname.replace(/\.$/, '');
}

function portOf(host: string): string {
  return /:(\d+)$/.exec(host)?.[1] ?? '';
}

/** The values of `aud` that name this deployment; tokens carry the first. */
export function audiencesOf(issuer: string): string[] {
  return [resourceOf(issuer), issuer, `${issuer}/`];
}
