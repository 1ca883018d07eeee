import type { Probe, Provider } from '@inferry/providers';

/** A platform as far as signing in with its keys goes: it knows some keys, and may be away. */
export interface ScriptedKeys {
  provider: Provider;
  /** Key to what the platform says of it; every other key is rejected. */
  verdicts: Map<string, Probe>;
  /** How often a key was tried. */
  probes: number;
  /** While it is true, nothing is answered. */
  isAway: boolean;
}

export function scriptKeys(slug: string, title: string): ScriptedKeys {
  const script: ScriptedKeys = { provider: toProvider(), verdicts: new Map(), probes: 0, isAway: false };
  return script;

  function toProvider(): Provider {
    const provider: Pick<Provider, 'slug' | 'title' | 'probe'> = {
      slug,
      title,
      async probe({ credential, signal }) {
        script.probes += 1;
        if (script.isAway) await new Promise((_, reject) => signal.addEventListener('abort', reject));
        return script.verdicts.get(credential?.reveal() ?? '') ?? { outcome: 'rejected' };
      },
    };
    // as: nothing but its name and its probe is used when somebody signs in.
    return provider as Provider;
  }
}
