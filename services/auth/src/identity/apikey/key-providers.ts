import type { Provider } from '@inferry/providers';
import type { KeyProviders } from './apikey-driver.ts';

/** The providers that can tell of a key whether it is good; `only` narrows them, in its own order. */
export function createKeyProviders(
  providers: readonly Provider[],
  only: readonly string[] | undefined,
): KeyProviders {
  const able = providers.filter(({ probe }) => probe !== undefined);
  const chosen = only === undefined ? able : only.flatMap((name) => able.filter(({ slug }) => slug === name));
  const entries = chosen.map(({ slug, title }) => ({ slug, title }));
  return {
    list: () => entries,
    async probe(slug, credential, signal) {
      const provider = chosen.find((one) => one.slug === slug);
      if (provider?.probe === undefined) return { outcome: 'unknown' };
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      // Raced, since an adapter may not heed its signal; what went wrong says nothing of the key.
      return Promise.race([provider.probe({ credential, signal }), aborted]).catch(() => ({
        outcome: 'unknown' as const,
      }));
    },
  };
}
