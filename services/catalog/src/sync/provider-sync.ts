import { AppError, catalogChanged, toAppError } from '@inferry/contracts';
import type { Provider, ProviderModel } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import type { ListedModels } from '../listed-models.ts';
import { toModelId } from '../model-card.ts';
import { createTimeSlice } from '../time-slice.ts';
import { isListable } from './listed-model.ts';
import { nextDelayMs } from './next-delay.ts';
import { fingerprintOf, type SnapshotReader } from './snapshot-reader.ts';
import type { ModelWrite, SnapshotStore, StoredSnapshot } from './snapshot-store.ts';

export interface ProviderSyncOptions {
  provider: Provider;
  bus: Parts['bus'];
  limits: Parts['limits'];
  store: SnapshotStore;
  reader: SnapshotReader;
  models: ListedModels;
  log: Parts['log'];
  intervalMs: number;
  now(): number;
  random(): number;
}

type Listed = Awaited<ReturnType<Provider['listModels']>>;

export type SyncOutcome = 'changed' | 'unchanged' | 'skipped' | 'failed';

/** Part of each stored etag: another one makes every replica read the provider again in the new form. */
const documentFormat = '1:';
/** Longest that a provider may take to list its models. */
const listTimeoutMs = 60_000;
/** Longer than a list and its writes take; a replica that dies holds the others up no longer than this. */
const lockMs = 120_000;
/** A snapshot this young need not be made again, e.g. when all replicas start at once. */
const freshMs = 15_000;
const maxModels = 50_000;

/** Keeps the stored catalog of one provider as the provider has it. One replica at a time does it, for all of them. */
export class ProviderSync {
  readonly #options: ProviderSyncOptions;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> | undefined;
  #failures = 0;

  constructor(options: ProviderSyncOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Never rejects: a provider that fails leaves its last snapshot, marked stale, and the other providers alone. */
  async syncOnce(): Promise<SyncOutcome> {
    const { limits, provider, log } = this.#options;
    const key = `catalog-sync/${provider.slug}`;
    try {
      const token = await limits.acquire(key, lockMs);
      if (token === undefined) return 'skipped';
      try {
        return await this.#syncLocked();
      } finally {
        // A lock that cannot be given back ends by itself.
        await limits.release(key, token).catch(() => undefined);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted)
        log.warn({ err: error, provider: provider.slug }, 'the catalog sync failed');
      return 'failed';
    }
  }

  async #syncLocked(): Promise<SyncOutcome> {
    const { provider, reader } = this.#options;
    await reader.refresh();
    const snapshot = reader.snapshotOf(provider.slug);
    if (this.#isFresh(snapshot)) return 'skipped';
    const listed = await this.#list(snapshot).catch((error: unknown) => toAppError(error));
    if (listed instanceof AppError) {
      // A list that this process gave up because it is stopping says nothing about the provider.
      if (!this.#stop.signal.aborted) await this.#recordFailure(listed, snapshot);
      throw listed;
    }
    const isChanged = listed !== 'unchanged' && (await this.#write(listed, snapshot));
    if (!isChanged) await this.#recordCheck(listed, snapshot);
    const isRecovered = snapshot !== undefined && snapshot.error !== null;
    if (isChanged || isRecovered) this.#announce((snapshot?.version ?? 0) + Number(isChanged));
    await reader.refresh();
    return isChanged ? 'changed' : 'unchanged';
  }

  #isFresh(snapshot: StoredSnapshot | undefined): boolean {
    if (snapshot === undefined || snapshot.error !== null) return false;
    const age = this.#options.now() - snapshot.checkedAt;
    return age >= 0 && age < Math.min(freshMs, this.#options.intervalMs / 2);
  }

  /** Other replicas learn at once that the snapshot is stale. */
  async #recordFailure({ code }: AppError, snapshot: StoredSnapshot | undefined): Promise<void> {
    const { provider, reader, store } = this.#options;
    await store.recordFailure(provider.slug, code);
    if (snapshot?.error !== code) this.#announce(snapshot?.version ?? 0);
    await reader.refresh();
  }

  async #recordCheck(listed: Listed, snapshot: StoredSnapshot | undefined): Promise<void> {
    const { provider, store, now } = this.#options;
    const etag = listed === 'unchanged' ? (snapshot?.etag ?? '') : documentFormat + listed.etag;
    await store.recordCheck(provider.slug, etag, now());
  }

  /** The provider's models; bounded in time even if it ignores its signal. */
  async #list(snapshot: StoredSnapshot | undefined): Promise<Listed> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(listTimeoutMs)]);
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = () =>
      reject(new AppError('catalog_fetch_failed', 'The provider did not list its models.'));
    signal.addEventListener('abort', onAbort, { once: true });
    const isSameForm =
      snapshot !== undefined && snapshot.version > 0 && snapshot.etag.startsWith(documentFormat);
    const etag = isSameForm ? snapshot.etag.slice(documentFormat.length) : undefined;
    try {
      return await Promise.race([this.#options.provider.listModels({ signal }, etag), promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Writes what differs from the stored models; false when nothing does. */
  async #write(
    listed: { etag: string; models: ProviderModel[] },
    snapshot: StoredSnapshot | undefined,
  ): Promise<boolean> {
    const { provider, store, models, now, log } = this.#options;
    const { writes, ids } = await this.#compare(listed.models);
    const gone = [...models.idsOf(provider.slug)].filter((id) => !ids.has(id));
    const isFirst = (snapshot?.version ?? 0) === 0;
    if (writes.length === 0 && gone.length === 0 && !isFirst) return false;
    // Later than every stored time, so that each replica sees the rows as changed, whatever its clock says.
    const at = Math.max(now(), (snapshot?.syncedAt ?? 0) + 1);
    await store.writeModels(writes, at);
    await store.markDeleted(gone, at);
    const isWritten = await store.writeSnapshot({
      provider: provider.slug,
      version: (snapshot?.version ?? 0) + 1,
      etag: documentFormat + listed.etag,
      modelCount: ids.size,
      syncedAt: at,
      checkedAt: now(),
      error: null,
    });
    if (!isWritten) throw new AppError('busy', 'Another replica wrote the catalog at the same time.');
    log.info(
      { provider: provider.slug, models: ids.size, changed: writes.length, deleted: gone.length },
      'catalog synced',
    );
    return true;
  }

  async #compare(listed: readonly ProviderModel[]): Promise<{ writes: ModelWrite[]; ids: Set<string> }> {
    const { provider, models, log } = this.#options;
    const pause = createTimeSlice();
    const ids = new Set<string>();
    const writes: ModelWrite[] = [];
    let malformed = 0;
    for (const model of listed.slice(0, maxModels)) {
      await pause();
      if (!isListable(model)) {
        malformed += 1;
        continue;
      }
      const id = toModelId(provider.slug, model.nativeId);
      if (ids.has(id)) continue;
      ids.add(id);
      const document = JSON.stringify(model);
      if (models.get(id)?.fingerprint === fingerprintOf(document)) continue;
      writes.push({ id, provider: provider.slug, nativeId: model.nativeId, document });
    }
    if (malformed > 0) log.warn({ provider: provider.slug, malformed }, 'malformed models are left out');
    return { writes, ids };
  }

  #announce(version: number): void {
    this.#options.bus.publish(catalogChanged, { provider: this.#options.provider.slug, version });
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.syncOnce().then((outcome) => {
        this.#failures = outcome === 'failed' ? this.#failures + 1 : 0;
        if (!this.#stop.signal.aborted) this.#schedule(this.#nextDelayMs());
      });
    }, delayMs);
    this.#timer.unref();
  }

  #nextDelayMs(): number {
    const { intervalMs, random, reader, provider } = this.#options;
    // Whoever holds the lock may have died before the first snapshot: that is worth another try soon.
    const failures = reader.hasLoaded(provider.slug) ? this.#failures : Math.max(1, this.#failures);
    return nextDelayMs(failures, { intervalMs, random: random() });
  }
}
