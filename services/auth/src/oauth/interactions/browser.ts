import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Secret } from '@inferry/contracts';
import { createMac, isSameText } from '@inferry/seals';
import { cookieFormOf, cookieOf } from '../http/cookies.ts';

/** What tells one browser from another: a random cookie that is nobody's account. */
export interface Browser {
  /** Goes to the database with a sign-in. */
  hash: string;
  value: string;
}

export interface Browsers {
  /** The browser of a request, if it has been here. */
  of(headers: IncomingHttpHeaders): Browser | undefined;
  create(): Browser;
  /** The whole `Set-Cookie` header. */
  toCookie(browser: Browser): string;
  isSame(browser: Browser | undefined, hash: string | null): boolean;
  /** Proves that a form came from a page that was shown to this browser for this sign-in. */
  csrf(browser: Browser, uid: string): string;
  isCsrf(browser: Browser, uid: string, value: unknown): boolean;
}

export function createBrowsers(options: { issuer: string; secret: Secret; maxAgeSeconds: number }): Browsers {
  const form = cookieFormOf(options.issuer);
  const name = form.named('inferry-sign-in');
  const mac = createMac(options.secret);
  const csrf = ({ value }: Browser, uid: string): string =>
    mac(`oauth-csrf|${uid}|${value}`).toString('base64url');
  return {
    of(headers) {
      const value = cookieOf(headers, name);
      return value !== undefined && /^[\w-]{43}$/.test(value) ? { value, hash: hashOf(value) } : undefined;
    },
    create() {
      const value = randomBytes(32).toString('base64url');
      return { value, hash: hashOf(value) };
    },
    toCookie({ value }) {
      return `${name}=${value}; ${form.attributes}; Max-Age=${options.maxAgeSeconds}`;
    },
    isSame: (browser, hash) => browser !== undefined && hash !== null && isSameText(browser.hash, hash),
    csrf,
    isCsrf: (browser, uid, value) => typeof value === 'string' && isSameText(csrf(browser, uid), value),
  };
}

function hashOf(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}
