import { hash } from 'node:crypto';
import type { Parts } from '@inferry/runtime';
import type { ListedModels } from '../listed-models.ts';
import { toCard } from '../model-card.ts';
import { createTimeSlice } from '../time-slice.ts';
import { inBatches, type SnapshotStore, type StoredSnapshot } from './snapshot-store.ts';

export interface SnapshotReaderOptions {
  store: SnapshotStore;
  models: ListedModels;
  providers: readonly string[];
  log: Parts['log'];
  random(): number;
  /** How often the truth is read again, whatever events say. */
  rereadMs: number;
}

/** While a provider has no snapshot at all, somebody is probably making the first one. */
const firstSnapshotMs = 1_000;

/** Keeps this replica's models as the database has them, whoever wrote them there. */
export class SnapshotReader {
  readonly #options: SnapshotReaderOptions;
  readonly #snapshots = new Map<string, StoredSnapshot>();
  /** The version that this replica has loaded; a snapshot row may be ahead of it. */
  readonly #loaded = new Map<string, number>();
  #running: Promise<void> | undefined;
  #isAskedAgain = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #onRead: (() => void) | undefined;
  #onModels: ((ids: readonly string[]) => void) | undefined;

  constructor(options: SnapshotReaderOptions) {
    this.#options = options;
  }

  /** What is known of a provider's catalog; undefined until something was read. */
  snapshotOf(provider: string): StoredSnapshot | undefined {
    return this.#snapshots.get(provider);
  }

  /** True once the models of a snapshot of the provider are in memory. */
  hasLoaded(provider: string): boolean {
    return (this.#loaded.get(provider) ?? 0) > 0;
  }

  /** The version that is in memory; 0 before the first one. */
  loadedVersion(provider: string): number {
    return this.#loaded.get(provider) ?? 0;
  }

  /** `listener` is called after each reading, whatever it found. */
  onRead(listener: () => void): void {
    this.#onRead = listener;
  }

  /** `listener` is told of models that are new, gone or other ones now; not of a provider's first ones. */
  onModels(listener: (ids: readonly string[]) => void): void {
    this.#onModels = listener;
  }

  start(): void {
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running?.catch(() => undefined);
  }

  /** Reads what changed. One reading at a time: whoever asks during one waits for the next, which sees it all. */
  async refresh(): Promise<void> {
    if (this.#isStopped) return;
    if (this.#running !== undefined) {
      this.#isAskedAgain = true;
      return this.#running;
    }
    this.#running = this.#readUntilCurrent().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** `refresh` for whoever cannot wait or handle a failure: it is logged, and the timer tries again. */
  refreshSoon(): void {
    this.refresh().catch((error: unknown) => {
      if (!this.#isStopped) this.#options.log.warn({ err: error }, 'the catalog cannot be read');
    });
  }

  async #readUntilCurrent(): Promise<void> {
    do {
      this.#isAskedAgain = false;
      await this.#readAll();
    } while (this.#isAskedAgain && !this.#isStopped);
    this.#onRead?.();
  }

  async #readAll(): Promise<void> {
    const { store, models, providers, log } = this.#options;
    for (const snapshot of await store.readSnapshots()) {
      if (!providers.includes(snapshot.provider)) continue;
      this.#snapshots.set(snapshot.provider, snapshot);
      if (this.#loaded.get(snapshot.provider) === snapshot.version) continue;
      try {
        await this.#load(snapshot.provider);
        this.#loaded.set(snapshot.provider, snapshot.version);
      } catch (error) {
        // The other providers' models are none the worse; the next reading tries again.
        log.warn({ err: error, provider: snapshot.provider }, 'the models cannot be read');
      }
    }
    await models.recurate();
    await models.compact();
  }

  async #load(provider: string): Promise<void> {
    const { store, models } = this.#options;
    const heads = await store.readHeads(provider);
    const listed = new Set(heads.map(({ id }) => id));
    const gone = [...models.knownIdsOf(provider)].filter((id) => !listed.has(id));
    for (const id of gone) models.remove(id);
    const changed = heads.filter(({ id, updatedAt }) => models.known(id)?.updatedAt !== updatedAt);
    const pause = createTimeSlice();
    for (const batch of inBatches(changed)) {
      for (const stored of await store.readModels(batch.map(({ id }) => id))) {
        if (stored.isDeleted) continue;
        const { model, updatedAt, document } = stored;
        models.put(toCard({ provider, model, updatedAt, fingerprint: fingerprintOf(document) }));
        await pause();
      }
    }
    // One that is new here may be one that somebody followed before it was gone.
    if (this.hasLoaded(provider)) this.#onModels?.([...gone, ...changed.map(({ id }) => id)]);
  }

  #schedule(): void {
    const { providers, rereadMs, random } = this.#options;
    const isWaiting = providers.some((provider) => !this.hasLoaded(provider));
    const everyMs = isWaiting ? Math.min(firstSnapshotMs, rereadMs) : rereadMs;
    this.#timer = setTimeout(
      () => {
        this.refreshSoon();
        if (!this.#isStopped) this.#schedule();
      },
      everyMs * (0.8 + 0.4 * random()),
    );
    this.#timer.unref();
  }
}

/** Tells whether a stored document and a new one are the same, without keeping either. */
export function fingerprintOf(document: string): string {
  return hash('sha256', document, 'base64url').slice(0, 16);
}
