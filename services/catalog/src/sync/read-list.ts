import { AppError, isObject } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { toModelId } from '../model-card.ts';
import { createTimeSlice } from '../time-slice.ts';
import { isListable } from './listed-model.ts';
import { fingerprintOf } from './snapshot-reader.ts';
import type { ModelWrite } from './snapshot-store.ts';

/** More than the largest platform lists. */
const maxModels = 50_000;
/** The largest schema with examples is a tenth of it. */
const maxDocumentChars = 512 * 1_024;
/** Of what is written at once. */
const maxWrittenChars = 256 * 1_024 * 1_024;

/** A provider's list against what is known of it. */
export interface ReadList {
  etag: string;
  /** Every model that it lists, also one that is malformed now but was known before. */
  ids: Set<string>;
  writes: ModelWrite[];
  faults: { malformed: number; duplicate: number; tooLarge: number; beyondLimit: number };
}

/** What is known of a model, to tell whether it changed. */
export type Fingerprints = (id: string) => string | undefined;

/** Takes from a list what can be stored. Modules of others may be providers: whatever they give is looked at. */
export async function readList(
  provider: string,
  listed: unknown,
  fingerprints: Fingerprints,
): Promise<ReadList> {
  const { etag, models } = parse(listed);
  const pause = createTimeSlice();
  const faults = {
    malformed: 0,
    duplicate: 0,
    tooLarge: 0,
    beyondLimit: Math.max(0, models.length - maxModels),
  };
  const ids = new Set<string>();
  const writes: ModelWrite[] = [];
  let writtenChars = 0;
  for (const model of models.slice(0, maxModels)) {
    await pause();
    if (!isListable(model)) {
      faults.malformed += 1;
      keepIfKnown(provider, model, { ids, fingerprints });
      continue;
    }
    const id = toModelId(provider, model.nativeId);
    if (ids.has(id)) {
      faults.duplicate += 1;
      continue;
    }
    const document = toDocument(model);
    if (document === undefined || writtenChars + document.length > maxWrittenChars) {
      faults.tooLarge += 1;
      keepIfKnown(provider, model, { ids, fingerprints });
      continue;
    }
    ids.add(id);
    if (fingerprints(id) === fingerprintOf(document)) continue;
    writtenChars += document.length;
    writes.push({ id, provider, nativeId: model.nativeId, document });
  }
  return { etag, ids, writes, faults };
}

function parse(listed: unknown): { etag: string; models: readonly unknown[] } {
  if (!isObject(listed) || !Array.isArray(listed.models)) {
    throw new AppError('upstream_malformed', 'The provider gave something else than a list of models.');
  }
  return { etag: String(listed.etag ?? '').slice(0, 1_000), models: listed.models };
}

/** What it said of the model before is better than nothing. */
function keepIfKnown(
  provider: string,
  model: unknown,
  { ids, fingerprints }: { ids: Set<string>; fingerprints: Fingerprints },
): void {
  if (!isObject(model) || typeof model.nativeId !== 'string') return;
  const id = toModelId(provider, model.nativeId);
  if (fingerprints(id) !== undefined) ids.add(id);
}

function toDocument(model: ProviderModel): string | undefined {
  const document = JSON.stringify(model);
  return document.length > maxDocumentChars ? undefined : document;
}

const manyModels = 20;

/**
 * Whether a list lacks so much that it is rather a fault of the platform than its will: it is empty, or more than half
 * of many models are gone. Such a list is believed once it has lasted.
 */
export function isSuspicious(known: number, { gone, listed }: { gone: number; listed: number }): boolean {
  if (known === 0 || gone === 0) return false;
  return listed === 0 || (known >= manyModels && gone > known / 2);
}
