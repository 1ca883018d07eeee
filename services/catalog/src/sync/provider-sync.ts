import { AppError, catalogChanged, toAppError, unlessAborted } from '@inferry/contracts';
import type { Provider, ProviderContext } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import type { ListedModels } from '../listed-models.ts';
import { nextDelayMs } from './next-delay.ts';
import { isSuspicious, type ReadList, readList } from './read-list.ts';
import type { SnapshotReader } from './snapshot-reader.ts';
import type { SnapshotStore, StoredSnapshot } from './snapshot-store.ts';

export interface ProviderSyncOptions {
  provider: Provider;
  bus: Parts['bus'];
  limits: Parts['limits'];
  store: SnapshotStore;
  reader: SnapshotReader;
  models: ListedModels;
  log: Parts['log'];
  /** How often this provider is asked; an operator may change it at any time. */
  intervalMs(): number;
  /** With the deployment's key, where it has one. */
  contextFor(provider: string, signal: AbortSignal): Promise<ProviderContext>;
  now(): number;
  random(): number;
}

export type SyncOutcome = 'changed' | 'unchanged' | 'skipped' | 'failed';

/** Part of each stored etag: another one makes every replica read the provider again in the new form. */
const documentFormat = '1:';
/** Longest that a provider may take to list its models. */
const listTimeoutMs = 60_000;
/** Longer than a list and its writes take; a replica that dies holds the others up no longer than this. */
const lockMs = 120_000;
/** A snapshot this young need not be made again, e.g. when all replicas start at once. */
const freshMs = 15_000;
/** For so long a list must lack most of what was known before that is taken for the truth. */
const believedAfterMs = 3_600_000;
/** Told of a snapshot that holds more than its provider lists now. */
const shrunk = 'upstream_malformed';

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
    const { provider, reader, store, now } = this.#options;
    await reader.refresh();
    const snapshot = reader.snapshotOf(provider.slug);
    if (this.#isFresh(snapshot)) return 'skipped';
    const list = await this.#list(snapshot).catch((error: unknown) => toAppError(error));
    if (list instanceof AppError) {
      // A list that this process gave up because it is stopping says nothing about the provider.
      if (!this.#stop.signal.aborted) await this.#recordFailure(list, snapshot);
      throw list;
    }
    const isChanged = list !== 'unchanged' && (await this.#write(list, snapshot));
    if (list === 'unchanged') await store.recordCheck(provider.slug, snapshot?.etag ?? '', now());
    await reader.refresh();
    const after = reader.snapshotOf(provider.slug);
    if (isChanged || isStale(after) !== isStale(snapshot)) this.#announce(after?.version ?? 0);
    return isChanged ? 'changed' : 'unchanged';
  }

  #isFresh(snapshot: StoredSnapshot | undefined): boolean {
    if (snapshot === undefined || snapshot.error !== null) return false;
    const age = this.#options.now() - snapshot.checkedAt;
    return age >= 0 && age < Math.min(freshMs, this.#options.intervalMs() / 2);
  }

  /** Other replicas learn at once that the snapshot is stale. */
  async #recordFailure({ code }: AppError, snapshot: StoredSnapshot | undefined): Promise<void> {
    const { provider, reader, store } = this.#options;
    await store.recordFailure(provider.slug, code);
    if (!isStale(snapshot)) this.#announce(snapshot?.version ?? 0);
    await reader.refresh();
  }

  /** What the provider lists; bounded in time even if it ignores its signal. */
  async #list(snapshot: StoredSnapshot | undefined): Promise<ReadList | 'unchanged'> {
    const { provider, models, contextFor } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(listTimeoutMs)]);
    const isSameForm =
      snapshot !== undefined && snapshot.version > 0 && snapshot.etag.startsWith(documentFormat);
    const etag = isSameForm ? snapshot.etag.slice(documentFormat.length) : undefined;
    const listing = contextFor(provider.slug, signal).then((context) => provider.listModels(context, etag));
    const late = () => new AppError('catalog_fetch_failed', 'The provider did not list its models.');
    const listed = await unlessAborted(listing, signal, late);
    if (listed === 'unchanged' && etag !== undefined) return 'unchanged';
    return await readList(provider.slug, listed, (id) => models.known(id)?.fingerprint);
  }

  /** Writes what differs from the stored models; false when nothing does. */
  async #write(list: ReadList, snapshot: StoredSnapshot | undefined): Promise<boolean> {
    const { provider, store, models, now, log } = this.#options;
    const known = models.knownIdsOf(provider.slug);
    const missing = [...known].filter((id) => !list.ids.has(id));
    const suspectSince = this.#suspectSince(snapshot, known.size, {
      gone: missing.length,
      listed: list.ids.size,
    });
    const gone = suspectSince === null ? missing : [];
    this.#logFaults(list, { missing: missing.length, suspectSince });
    const isFirst = (snapshot?.version ?? 0) === 0;
    if (list.writes.length === 0 && gone.length === 0 && !isFirst) {
      if (suspectSince !== null) await store.recordSuspicion(provider.slug, shrunk, suspectSince);
      else await store.recordCheck(provider.slug, documentFormat + list.etag, now());
      return false;
    }
    // Later than every stored time, so that each replica sees the rows as changed, whatever its clock says.
    const at = Math.max(now(), (snapshot?.syncedAt ?? 0) + 1);
    await store.writeModels(list.writes, at);
    await store.markDeleted(gone, at);
    const isWritten = await store.writeSnapshot({
      provider: provider.slug,
      version: (snapshot?.version ?? 0) + 1,
      etag: suspectSince === null ? documentFormat + list.etag : '',
      modelCount: list.ids.size + (suspectSince === null ? 0 : missing.length),
      syncedAt: at,
      checkedAt: now(),
      error: suspectSince === null ? null : shrunk,
      suspectSince,
    });
    if (!isWritten) throw new AppError('busy', 'Another replica wrote the catalog at the same time.');
    log.info(
      { provider: provider.slug, models: list.ids.size, changed: list.writes.length, deleted: gone.length },
      'catalog synced',
    );
    return true;
  }

  /** Since when the list is not believed; null when it is, because it is complete or has lasted. */
  #suspectSince(
    snapshot: StoredSnapshot | undefined,
    known: number,
    list: { gone: number; listed: number },
  ): number | null {
    if (!isSuspicious(known, list)) return null;
    const since = snapshot?.suspectSince ?? this.#options.now();
    return this.#options.now() - since >= believedAfterMs ? null : since;
  }

  #logFaults({ faults }: ReadList, list: { missing: number; suspectSince: number | null }): void {
    const { provider, log } = this.#options;
    if (Object.values(faults).some((count) => count > 0)) {
      log.warn({ provider: provider.slug, ...faults }, 'models of a list are left out');
    }
    if (list.suspectSince !== null) {
      log.warn({ provider: provider.slug, missing: list.missing }, 'a list lacks too much to be believed');
    }
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
    const { random, reader, provider } = this.#options;
    const intervalMs = this.#options.intervalMs();
    // Whoever holds the lock may have died before the first snapshot: that is worth another try soon.
    const failures = reader.hasLoaded(provider.slug) ? this.#failures : Math.max(1, this.#failures);
    return nextDelayMs(failures, { intervalMs, random: random() });
  }
}

function isStale(snapshot: StoredSnapshot | undefined): boolean {
  return (snapshot?.error ?? null) !== null;
}
