/**
 * Models that no list has and that can be run by their id all the same, such as weights of a platform's community: each is
 * asked for with its caller's key when somebody names it, and kept in memory for that key alone.
 */
import { hash } from 'node:crypto';
import { type JsonObject, type Principal, Recent } from '@inferry/contracts';
import type { Provider, ProviderModel } from '@inferry/providers';
import type { ModelDocument } from '../listed-models.ts';
import { type ProviderKeys, toContext } from '../provider-keys.ts';
import { isListable } from '../sync/listed-model.ts';
import { toOwnDocument } from './own-models.ts';

/** What is not listed can change or go without a word. */
const freshMs = 300_000;
/** Whoever has just uploaded it finds it. */
const absentMs = 5_000;
const timeoutMs = 10_000;
const maxKept = 1_000;
const maxIdLength = 250;

export interface UnlistedQuery {
  provider: Provider;
  nativeId: string;
  /** Of a run: they may say what the platform does not. */
  options: JsonObject;
}

interface Kept {
  document: ModelDocument | undefined;
  at: number;
}

export class UnlistedModels {
  readonly #keys: ProviderKeys;
  readonly #now: () => number;
  readonly #kept = new Recent<Kept>(maxKept);

  constructor({ keys, now }: { keys: ProviderKeys; now: () => number }) {
    this.#keys = keys;
    this.#now = now;
  }

  /** Undefined where the platform has no such model, or none but those that it lists. */
  async find(
    { provider, nativeId, options }: UnlistedQuery,
    principal: Principal,
  ): Promise<ModelDocument | undefined> {
    if (provider.describeUnlisted === undefined || nativeId.length > maxIdLength) return undefined;
    const signal = AbortSignal.timeout(timeoutMs);
    const key = await this.#keys.get(provider.slug, principal, { signal });
    const by = key === undefined ? '' : hash('sha256', key.credential.reveal(), 'base64url');
    const kept = JSON.stringify([provider.slug, key?.connectionId, by, nativeId, options]);
    const known = this.#kept.get(kept);
    const freshFor = known?.document === undefined ? absentMs : freshMs;
    if (known !== undefined && this.#now() - known.at < freshFor) return known.document;
    const model = await provider.describeUnlisted(nativeId, options, toContext(key, signal));
    const document = this.#toDocument(provider, { nativeId, model });
    this.#kept.set(kept, { document, at: this.#now() });
    return document;
  }

  #toDocument(
    { slug }: Provider,
    { nativeId, model }: { nativeId: string; model: ProviderModel | undefined },
  ): ModelDocument | undefined {
    if (model === undefined || !isListable(model) || model.nativeId !== nativeId) return undefined;
    return toOwnDocument(slug, model, this.#now());
  }
}
