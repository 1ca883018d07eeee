import type { IncomingHttpHeaders } from 'node:http';
import { pathOfUrl } from '@inferry/runtime';

/** The value of a cookie; the first, when a name comes twice. */
export function cookieOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  for (const part of (headers.cookie ?? '').split(';')) {
    const [key, ...value] = part.trim().split('=');
    if (key === name) return value.join('=');
  }
  return undefined;
}

/** How cookies of ours are called and where browsers send them: to this deployment alone, on a host that others share. */
interface CookieForm {
  named(name: string): string;
  attributes: string;
}

export function cookieFormOf(publicUrl: string): CookieForm {
  const isHttps = publicUrl.startsWith('https:');
  const path = pathOfUrl(publicUrl);
  // `__Host-`: no other host of the domain can set it. Browsers take it only with Secure and for the whole host.
  const prefix = path === '' ? '__Host-' : '__Secure-';
  return {
    named: (name) => (isHttps ? `${prefix}${name}` : name),
    attributes: `Path=${path || '/'}; HttpOnly; SameSite=Lax${isHttps ? '; Secure' : ''}`,
  };
}
