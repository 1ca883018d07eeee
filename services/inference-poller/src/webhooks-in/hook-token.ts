import type { Secret } from '@inferry/contracts';
import { createMac, isSameText } from '@inferry/seals';

/** What an address for a platform's callbacks is good for. */
export interface HookClaims {
  runId: string;
  provider: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

const maxToken = 400;

/**
 * `<run>.<provider>.<expiry>.<HMAC-SHA-256>`: who knows it was given it by us, or by the one platform that got it. Any
 * replica can check it, and it is good for one run of one provider.
 */
export function createHookToken(claims: HookClaims, secret: Secret): string {
  const { runId, provider, expiresAt } = claims;
  const expiry = Math.ceil(expiresAt / 1_000).toString(36);
  const content = `${runId}.${encodeURIComponent(provider).replaceAll('.', '%2E')}.${expiry}`;
  return `${content}.${sign(content, secret)}`;
}

/** Undefined for whatever was not made here, or is over. */
export function readHookToken(token: string, secret: Secret, now: number): HookClaims | undefined {
  const [runId = '', provider = '', expiry = '', signature = '', ...more] = token.split('.');
  if (token.length > maxToken || more.length > 0) return undefined;
  const expected = sign(`${runId}.${provider}.${expiry}`, secret);
  if (!isSameText(signature, expected)) return undefined;
  const expiresAt = Number.parseInt(expiry, 36) * 1_000;
  return expiresAt > now ? { runId, provider: decodeURIComponent(provider), expiresAt } : undefined;
}

function sign(content: string, secret: Secret): string {
  return createMac(secret)(`inferry hook 1\n${content}`).toString('base64url');
}
