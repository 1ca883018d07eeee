import { randomBytes } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import type { Probe, Provider, ProviderContext } from '@inferry/providers';
import { createLocalKeks, type KekProvider } from '../vault/key-ring.ts';

/** A platform that knows some keys, told by a test. */
export interface ScriptedKeys {
  provider: Provider;
  /** Key to what the platform says of it; others are rejected. */
  verdicts: Map<string, Probe | Promise<Probe>>;
  /** The keys that it was shown. */
  shown: string[];
}

export function scriptedKeys(slug = 'scripted'): ScriptedKeys {
  const verdicts = new Map<string, Probe | Promise<Probe>>();
  const shown: string[] = [];
  const refuse = () => Promise.reject(new Error('this platform only checks keys'));
  const provider: Provider = {
    slug,
    title: 'Scripted',
    capabilities: {
      ...{ cancel: 'none', progress: 'none', jobs: 'remote', watch: false, recover: false },
      inputUrls: 'public',
    },
    ready: () => ({ isReady: true }),
    listModels: async () => ({ etag: '1', models: [] }),
    quote: () => ({ currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' }),
    submit: refuse,
    poll: refuse,
    cancel: refuse,
    recover: refuse,
    async probe({ credential }: ProviderContext) {
      const key = credential?.reveal() ?? '';
      shown.push(key);
      return verdicts.get(key) ?? { outcome: 'rejected' };
    },
    close: async () => undefined,
  };
  return { provider, verdicts, shown };
}

/** A vault's key ring that nothing else has. */
export function testKeks(): KekProvider {
  return createLocalKeks(new Map([['k1', new Secret(randomBytes(32).toString('base64'))]]));
}
