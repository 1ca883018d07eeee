import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Secret } from '@inferry/contracts';
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
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name));
  const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
}

function open(key: Buffer, name: string, sealed: string): { value?: unknown; until?: unknown } | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < 29) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(name));
  decipher.setAuthTag(bytes.subarray(12, 28));
  try {
    const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
    return JSON.parse(text.toString('utf8'));
  } catch {
    // Forged, or sealed with a secret that is not ours any more.
    return undefined;
  }
}
