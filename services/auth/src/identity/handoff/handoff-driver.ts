import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import { z } from 'zod';
import type { RedirectDriver, SignInOutcome } from '../driver.ts';

export interface HandoffOptions {
  /** Whose console it is. */
  provider: { slug: string; title: string };
  /** Where a request is made, and where its key is fetched. */
  requestUrl: string;
  claimUrl: string;
  /** The page of the console where a person approves. */
  consoleUrl: string;
  fingerprint(provider: string, key: Secret): string;
  timeoutMs?: number;
}

const Requested = z.object({ request_id: z.string().min(8).max(500) });
const Claimed = z.object({
  api_key: z.string().min(8).max(4_096),
  account_id: z.string().min(1).max(500).optional(),
  account: z.string().max(200).optional(),
});

/**
 * The provider's console mints a key for us. Three things must come together before it is fetched: the state, in the
 * browser that began; the proof, which the console gives to the browser of whoever approved, once; and the verifier,
 * which never leaves this server. So whoever lures somebody to the console with a request of their own gets nothing: the
 * proof is in the other browser, and the sign-in is in theirs.
 */
export function createHandoffDriver(options: HandoffOptions): RedirectDriver {
  const { provider, consoleUrl } = options;
  return {
    kind: 'redirect',
    id: 'handoff',
    label: `Continue with ${provider.title}`,
    provider: provider.slug,
    async begin({ state, callbackUrl, signal }) {
      const verifier = randomBytes(32).toString('base64url');
      const challenge = createHash('sha256').update(verifier).digest('base64url');
      const request = { callback_url: callbackUrl, challenge, challenge_method: 'S256' };
      const answer = await post(options, { url: options.requestUrl, body: request, signal });
      const { request_id: requestId } = Requested.parse(answer);
      const url = new URL(consoleUrl);
      url.searchParams.set('request_id', requestId);
      url.searchParams.set('redirect_uri', callbackUrl);
      url.searchParams.set('state', state);
      return { url: url.href, stash: { requestId, verifier } };
    },
    async callback({ url, stash, signal }) {
      const proof = url.searchParams.get('proof') ?? '';
      if (proof.length < 16 || proof.length > 500) return { problem: notApproved(provider.title) };
      const body = { request_id: stash.requestId, proof, verifier: stash.verifier };
      const claimed = Claimed.safeParse(
        await post(options, { url: options.claimUrl, body, signal }).catch(() => undefined),
      );
      if (!claimed.success) return { problem: notApproved(provider.title) };
      return toOutcome(options, claimed.data);
    },
  };
}

function toOutcome(
  { provider, fingerprint }: HandoffOptions,
  claimed: z.infer<typeof Claimed>,
): SignInOutcome {
  const key = new Secret(claimed.api_key);
  const account = claimed.account ?? claimed.account_id;
  return {
    identity: {
      driver: 'handoff',
      // A console mints a new key each time, so the account is who it is; without one, the key must be.
      externalId: claimed.account_id ?? fingerprint(provider.slug, key),
      display: account ?? provider.title,
      connection: {
        provider: provider.slug,
        key,
        label: `Made for this server${account ? `, ${account}` : ''}`,
      },
    },
  };
}

function notApproved(title: string): string {
  return `${title} did not confirm this sign-in. Try again, and approve it in this browser.`;
}

const maxAnswerBytes = 64 * 1_024;

async function post(
  { timeoutMs = 5_000 }: HandoffOptions,
  request: { url: string; body: unknown; signal: AbortSignal },
): Promise<unknown> {
  const response = await fetch(request.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(request.body),
    redirect: 'error',
    signal: AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]),
  });
  const text = await readBounded(response);
  if (!response.ok) throw new Error(`the console answered ${response.status}`);
  return JSON.parse(text);
}

/** The text of an answer that is not too long for what it can be. */
export async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxAnswerBytes) throw new Error('the console answered too much');
  }
  return text;
}
