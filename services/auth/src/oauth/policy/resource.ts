import { isLoopback } from '@inferry/runtime';
import { resourceOf } from '../settings.ts';

/**
 * The one spelling of this deployment's resource for every spelling that clients use: with a trailing slash, with an
 * upper-case scheme or host, by another name of loopback, the bare origin, or one of the paths below `/mcp`. Anything else stays as it is and is
 * refused as `invalid_target`.
 */
export function canonicalResource(value: string, issuer: string): string {
  const url = URL.parse(value);
  if (url === null || url.hash !== '' || url.username !== '' || url.search !== '') return value;
  const base = new URL(issuer);
  if (!isSamePlace(url, base)) return value;
  const prefix = base.pathname.replace(/\/+$/, '');
  const path = url.pathname.replace(/\/+$/, '');
  const isOurs = path === prefix || path === `${prefix}/mcp` || path.startsWith(`${prefix}/mcp/`);
  return isOurs ? resourceOf(issuer) : value;
}

/** Final dots and the names of loopback are spellings; case and default ports are looked past by the parser. */
function isSamePlace(url: URL, base: URL): boolean {
  const name = url.hostname.replace(/\.$/, '');
  if (url.protocol !== base.protocol || url.port !== base.port) return false;
  return name === base.hostname || (isLoopback(name) && isLoopback(base.hostname));
}

/** The values of `aud` that name this deployment; tokens carry the first. */
export function audiencesOf(issuer: string): string[] {
  return [resourceOf(issuer), issuer, `${issuer}/`];
}
