import { Secret } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import type { Probe } from '@inferry/providers';
import { type AttemptRules, takeAttempt, tooManyTries } from '../attempts.ts';
import type { FormDriver } from '../driver.ts';

/** The platforms whose keys can be tried. */
export interface KeyProviders {
  list(): readonly { slug: string; title: string }[];
  /** What the platform says of a key; `unknown` when it did not answer in time. Never rejects. */
  probe(provider: string, request: { key: Secret; timeoutMs: number }): Promise<Probe>;
}

export interface ApiKeyDriverParts {
  providers: KeyProviders;
  limits: Limits;
  rules: AttemptRules;
  /** The same for the same key, and nothing that leads back to it: who this person is. */
  fingerprint(provider: string, key: Secret): string;
  probeTimeoutMs?: number;
}

const maxKeyLength = 4_096;

/** Whoever has a platform's key is that platform's user: the key is tried there, and is then theirs here. */
export function createApiKeyDriver(parts: ApiKeyDriverParts): FormDriver {
  const { providers, limits, rules, fingerprint, probeTimeoutMs = 3_000 } = parts;
  return {
    kind: 'form',
    id: 'apikey',
    label: labelOf(providers),
    async submit({ fields, address, transaction }) {
      const provider = providers.list().find(({ slug }) => slug === fields.provider);
      if (provider === undefined) return { problem: 'Choose a provider.' };
      const key = parseProviderKey(fields.key ?? '');
      if (key === undefined) return { problem: `That is not a key of ${provider.title}. Copy all of it.` };
      const { isAllowed } = await takeAttempt(limits, rules, { driver: 'apikey', address, transaction });
      if (!isAllowed) return { problem: tooManyTries };
      const { outcome, account } = await providers.probe(provider.slug, { key, timeoutMs: probeTimeoutMs });
      if (outcome !== 'ok') return { problem: problemOfProbe(outcome, provider.title) };
      return {
        identity: {
          driver: 'apikey',
          externalId: fingerprint(provider.slug, key),
          display: account ?? `${provider.title} ${tailOf(key)}`,
          connection: { provider: provider.slug, key, label: account ?? `Key ${tailOf(key)}` },
        },
      };
    },
  };
}

/** One line of printable ASCII, as every platform's keys are; the blanks of a careless copy are dropped. */
export function parseProviderKey(text: string): Secret | undefined {
  const key = text.trim();
  return key.length >= 8 && key.length <= maxKeyLength && /^[\x21-\x7e]+$/.test(key)
    ? new Secret(key)
    : undefined;
}

/** Why a key was not taken, for the page. */
export function problemOfProbe(outcome: 'rejected' | 'unknown', title: string): string {
  if (outcome === 'rejected')
    return `${title} does not accept this key. Check that it is whole and not revoked.`;
  return `${title} could not be asked about this key, so it was not stored. Try again in a minute.`;
}

/** The end of a key: enough to tell it from another, too little to use. */
export function tailOf(key: Secret): string {
  const text = key.reveal();
  return text.length >= 20 ? `…${text.slice(-4)}` : '…';
}

function labelOf(providers: KeyProviders): string {
  const [only, another] = providers.list();
  return only !== undefined && another === undefined ? `Use a ${only.title} key` : 'Use a provider’s API key';
}
