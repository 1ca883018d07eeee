import { isPrivateHost, type Secret } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { createMac, isSameText } from '@inferry/seals';

export interface HookSettings {
  /** Where clients and platforms reach this deployment. */
  publicUrl: string | undefined;
  /** `auto`: when the host of `publicUrl` can be on the internet. */
  mode: 'auto' | 'on' | 'off';
  /** The same on every replica; without one no address can be made or read. */
  secret: Secret | undefined;
}

/** Platforms try again for about two hours; later than that nothing is sent. */
const afterDeadlineMs = 3 * 3_600_000;

/** The address to which a provider may report a run, where it is able to and can reach us. */
export type HookUrls = (
  run: { run_id: string; deadline_at: number },
  provider: Provider,
) => string | undefined;

export function createHookUrls({ publicUrl, mode, secret }: HookSettings): HookUrls {
  const isReachable = publicUrl !== undefined && (mode === 'on' || (mode === 'auto' && isPublic(publicUrl)));
  if (!isReachable || secret === undefined) return () => undefined;
  return ({ run_id: runId, deadline_at: deadlineAt }, { slug, readWebhook }) => {
    if (readWebhook === undefined) return undefined;
    const claims = { runId, provider: slug, expiresAt: deadlineAt + afterDeadlineMs };
    return `${publicUrl}/hooks/v1/${createHookToken(claims, secret)}`;
  };
}

function isPublic(url: string): boolean {
  return URL.canParse(url) && !isPrivateHost(new URL(url).hostname);
}

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
