import type { IncomingHttpHeaders } from 'node:http';
import type { Secret } from '@inferry/contracts';
import { openBytes, sealBytes } from '@inferry/seals';
import { cookieFormOf, cookieOf } from '../oauth/http/cookies.ts';

/** A small value that only we can read and write, kept by the browser; sealed with AES-256-GCM. */
export interface SealedCookie<T> {
  read(headers: IncomingHttpHeaders): T | undefined;
  /** The whole `Set-Cookie` header. */
  write(value: T): string;
  clear(): string;
}

export interface SealedCookieOptions<T> {
  name: string;
  /** 32 bytes in base64url. */
  secret: Secret;
  isHttps: boolean;
  /** Below which the deployment is, on a host that it shares. */
  path?: string | undefined;
  maxAgeSeconds: number;
  parse(value: unknown): T | undefined;
  now(): number;
}

export function createSealedCookie<T>(options: SealedCookieOptions<T>): SealedCookie<T> {
  const { secret, isHttps, maxAgeSeconds, parse, now } = options;
  const form = cookieFormOf(`${isHttps ? 'https' : 'http'}://host${options.path ?? ''}`);
  const name = form.named(options.name);
  const { attributes } = form;
  const key = Buffer.from(secret.reveal(), 'base64url');
  return {
    read(headers) {
      const opened = open(key, name, cookieOf(headers, name) ?? '');
      // What was sealed here has this form.
      if (opened === undefined || !(Number(opened.until) > now())) return undefined;
      return parse(opened.value);
    },
    write(value) {
      const sealed = seal(key, name, { value, until: now() + maxAgeSeconds * 1_000 });
      return `${name}=${sealed}; ${attributes}; Max-Age=${maxAgeSeconds}`;
    },
    clear: () => `${name}=; ${attributes}; Max-Age=0`,
  };
}

function seal(key: Buffer, name: string, value: unknown): string {
  return sealBytes(key, Buffer.from(JSON.stringify(value)), { aad: name, tag: 'first' }).toString(
    'base64url',
  );
}

function open(key: Buffer, name: string, sealed: string): { value?: unknown; until?: unknown } | undefined {
  try {
    const text = openBytes(key, Buffer.from(sealed, 'base64url'), { aad: name, tag: 'first' });
    return JSON.parse(text.toString('utf8'));
  } catch {
    // Forged, or sealed with a secret that is not ours any more.
    return undefined;
  }
}
