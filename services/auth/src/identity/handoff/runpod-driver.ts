/** Signing in with Runpod: its console approves a request of ours, and its backend then mints a key for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject, Secret } from '@inferry/contracts';
import { z } from 'zod';
import type { RedirectDriver, SignInOutcome } from '../driver.ts';
import { readBounded } from './handoff-driver.ts';

export interface RunpodSignInOptions {
  /** The backend that keeps the requests (GraphQL, without a key). */
  graphqlUrl: string;
  /** The console, without a trailing slash. */
  consoleUrl: string;
  /** What the minted key is called in the person's list; undefined for backends that take no name. */
  keyName: string | undefined;
  fingerprint(provider: string, key: Secret): string;
  timeoutMs?: number;
  /** For tests. */
  pause?(ms: number, signal: AbortSignal): Promise<unknown>;
}

const provider = 'runpod';
/** An approval may take a moment until every replica of the backend knows it. */
const mostReads = 6;
const readPauseMs = 2_000;
/**
 * How long a browser takes at most to come back here after an approval. The console gives no proof of who approved, and
 * whoever began a sign-in knows its request: so the key is asked for only after somebody else's browser would have come.
 */
const returnMs = 1_500;

const Status = z.object({
  status: z.string(),
  apiKey: z.string().min(8).max(4_096).nullish(),
});

export function createRunpodDriver(options: RunpodSignInOptions): RedirectDriver {
  const { consoleUrl } = options;
  return {
    kind: 'redirect',
    id: 'runpod',
    label: 'Sign in with Runpod',
    provider,
    async begin({ state, callbackUrl, signal }) {
      const requestId = await createRequest(options, signal);
      const url = new URL(`${consoleUrl}/integrations/mcp/login`);
      url.searchParams.set('request', requestId);
      url.searchParams.set('redirect_uri', callbackUrl);
      url.searchParams.set('state', state);
      return { url: url.href, stash: { requestId } };
    },
    async callback({ url, stash, signal, wasElsewhere }) {
      const { requestId = '' } = stash;
      if (url.searchParams.has('error')) return { problem: refused };
      // The console sends the request back as the code: any other one is not of this browser.
      if (requestId === '' || url.searchParams.get('code') !== requestId) return { problem: notConfirmed };
      return readKey(options, { requestId, signal, wasElsewhere });
    },
  };
}

const refused = 'Runpod was told not to let this client in. Start again from your client.';
const notConfirmed =
  'Runpod did not confirm this sign-in. Start again from your client, and approve it in this browser.';
const expired = 'The request at Runpod is over. Start again from your client.';

/** How a request ends that was not approved. */
const ends: Readonly<Record<string, string>> = { DENIED: refused, EXPIRED: expired };

interface Reading {
  requestId: string;
  signal: AbortSignal;
  wasElsewhere(): Promise<boolean>;
}

async function readKey(options: RunpodSignInOptions, reading: Reading): Promise<SignInOutcome> {
  const pause = options.pause ?? ((ms: number) => sleep(ms, undefined, { signal: reading.signal }));
  await pause(returnMs, reading.signal);
  for (let count = 0; count < mostReads; count++) {
    if (count > 0) await pause(readPauseMs, reading.signal);
    if (await reading.wasElsewhere()) return { problem: notConfirmed };
    const end = endOf(await readStatus(options, reading));
    if (end === undefined) continue;
    if ('problem' in end) return end;
    // Approved while it was being asked about: whoever approved is on the way.
    if (count > 0) await pause(returnMs, reading.signal);
    if (await reading.wasElsewhere()) return { problem: notConfirmed };
    return toOutcome(options, end.key, reading.signal);
  }
  return { problem: notConfirmed };
}

/** Undefined: nobody has decided yet. */
function endOf({
  status,
  apiKey,
}: z.infer<typeof Status>): { problem: string } | { key: Secret } | undefined {
  const problem = ends[status];
  if (problem !== undefined) return { problem };
  if (status !== 'APPROVED' && status !== 'CONSUMED') return undefined;
  // Consumed without a key: it was fetched before, by whoever that was.
  return typeof apiKey === 'string' ? { key: new Secret(apiKey) } : { problem: expired };
}

async function toOutcome(
  options: RunpodSignInOptions,
  key: Secret,
  signal: AbortSignal,
): Promise<SignInOutcome> {
  const account = await accountOf(options, key, signal);
  return {
    identity: {
      driver: 'runpod',
      // The console mints a new key each time: the account is who it is, where the backend tells.
      externalId: account ?? options.fingerprint(provider, key),
      display: 'Runpod account',
      connection: {
        provider,
        key,
        label: `Minted for this server${options.keyName ? ` (${options.keyName})` : ''}`,
      },
    },
  };
}

async function accountOf(
  options: RunpodSignInOptions,
  key: Secret,
  signal: AbortSignal,
): Promise<string | undefined> {
  const data = await ask(options, { query: 'query { myself { id } }', signal, key }).catch(() => undefined);
  const id = isObject(data?.myself) ? data.myself.id : undefined;
  return typeof id === 'string' && id !== '' && id.length <= 500 ? id : undefined;
}

async function createRequest(options: RunpodSignInOptions, signal: AbortSignal): Promise<string> {
  const { keyName } = options;
  const name = keyName === undefined ? '' : `(apiKeyName: ${JSON.stringify(keyName)})`;
  const data = await ask(options, { query: `mutation { createFlashAuthRequest${name} { id } }`, signal });
  return z.object({ id: z.string().min(1).max(500) }).parse(data.createFlashAuthRequest).id;
}

async function readStatus(
  options: RunpodSignInOptions,
  { requestId, signal }: Pick<Reading, 'requestId' | 'signal'>,
): Promise<z.infer<typeof Status>> {
  const id = JSON.stringify(requestId);
  const query = `query { flashAuthRequestStatus(flashAuthRequestId: ${id}) { id status apiKey } }`;
  return Status.parse((await ask(options, { query, signal })).flashAuthRequestStatus);
}

/** GraphQL; as a guest where there is no key. */
async function ask(
  { graphqlUrl, timeoutMs = 5_000 }: RunpodSignInOptions,
  { query, signal, key }: { query: string; signal: AbortSignal; key?: Secret },
): Promise<Record<string, unknown>> {
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key.reveal()}` }),
    },
    body: JSON.stringify({ query }),
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  const text = await readBounded(response);
  if (!response.ok) throw new Error(`the backend answered ${response.status}`);
  const body: unknown = JSON.parse(text);
  const { data, errors } = isObject(body) ? body : {};
  if (Array.isArray(errors) && errors.length > 0) throw new Error('the backend refused the query');
  if (!isObject(data)) throw new Error('the backend answered no data');
  return data;
}
