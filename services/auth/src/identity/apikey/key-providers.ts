import type { Provider } from '@inferry/providers';
import { probeKey } from '../../vault/probe-key.ts';
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
    probe: (slug, request) =>
      probeKey(
        chosen.find((one) => one.slug === slug),
        request,
      ),
  };
}
