import { createBus, createInProcessTransport } from '@inferry/bus';
import { AppError, catalogChanged } from '@inferry/contracts';
import { openDatabase } from '@inferry/database';
import { createInProcessLimits } from '@inferry/limits';
import type { ProviderModel } from '@inferry/providers';
import { createLogger } from '@inferry/runtime';
import { expect, it, vi } from 'vitest';
import { createModelDocuments, DetailStore, ListedModels } from '../listed-models.ts';
import { findModels } from '../search/find-models.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type MonthStep, monthKinds, upstreamMonth } from '../testing/upstream-month.ts';
import { isListable } from './listed-model.ts';
import { ProviderSync } from './provider-sync.ts';
import { SnapshotReader } from './snapshot-reader.ts';
import { SnapshotStore } from './snapshot-store.ts';

const hour = 3_600_000;
const log = createLogger({ service: 'catalog', replica: 'test', level: 'silent' });

/** What a person who knows the rules would expect of one provider's catalog. */
class Expectation {
  readonly listed = new Map<string, string>();
  readonly everSeen = new Set<string>();
  suspectSince: number | undefined;
  isStale = false;

  take(slug: string, list: readonly unknown[] | undefined, now: number): { changed: boolean } {
    if (list === undefined) {
      const changed = !this.isStale;
      this.isStale = true;
      return { changed };
    }
    const wasStale = this.isStale;
    const next = new Map<string, string>();
    for (const model of list) {
      // as: every entry of the month has an id.
      const id = `${slug}/${(model as ProviderModel).nativeId}`;
      if (next.has(id)) continue;
      const before = this.listed.get(id);
      if (isListable(model)) next.set(id, JSON.stringify(model));
      else if (before !== undefined) next.set(id, before);
    }
    const missing = [...this.listed.keys()].filter((id) => !next.has(id));
    const isOdd =
      next.size === 0 ? missing.length > 0 : this.listed.size >= 20 && missing.length * 2 > this.listed.size;
    this.suspectSince = isOdd ? (this.suspectSince ?? now) : undefined;
    const isBelieved = this.suspectSince === undefined || now - this.suspectSince >= hour;
    if (isBelieved) this.suspectSince = undefined;
    else for (const id of missing) next.set(id, this.listed.get(id) ?? '');
    this.isStale = !isBelieved;
    const changed = JSON.stringify([...next].sort()) !== JSON.stringify([...this.listed].sort());
    this.listed.clear();
    for (const [id, document] of next) {
      this.listed.set(id, document);
      this.everSeen.add(id);
    }
    return { changed: changed || wasStale !== this.isStale };
  }
}

async function openMonth(seed: number) {
  const month = upstreamMonth(seed);
  const transport = createInProcessTransport();
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const limits = createInProcessLimits();
  const clock = { now: 1_700_000_000_000 };
  const providers = [...month.start].map(([slug, models]) => new ScriptedCatalogProvider({ slug, models }));
  const store = new SnapshotStore(database);
  const replicas = ['one', 'two'].map((name) => {
    const bus = createBus(transport, { name });
    const models = new ListedModels();
    const slugs = providers.map(({ slug }) => slug);
    const timing = { random: () => 0.5, rereadMs: 1_000_000 };
    const reader = new SnapshotReader({ store, models, providers: slugs, log, ...timing });
    const shared = { bus, limits, store, reader, models, log, random: () => 0.5, now: () => clock.now };
    const contextFor = async (_slug: string, signal: AbortSignal) => ({ signal });
    const syncs = providers.map(
      (provider) => new ProviderSync({ ...shared, provider, intervalMs: () => 300_000, contextFor }),
    );
    return {
      bus,
      models,
      reader,
      syncs,
      documents: createModelDocuments(store, new DetailStore(database), models),
    };
  });
  const changes: { provider: string; version: number }[] = [];
  replicas[0]?.bus.on(catalogChanged, (change) => changes.push(change));
  return {
    month,
    clock,
    providers,
    replicas,
    changes,
    /** One replica asks every provider, the other one reads what it wrote. */
    async sync(turn: number): Promise<void> {
      const [asking, reading] = turn % 2 === 0 ? replicas : [...replicas].reverse();
      for (const sync of asking?.syncs ?? []) await sync.syncOnce();
      await reading?.reader.refresh();
    },
    apply({ provider: slug, list }: MonthStep): void {
      for (const provider of providers) {
        if (provider.slug !== slug) continue;
        provider.failure = list === undefined ? new AppError('upstream_unavailable', 'down') : undefined;
        // as: the month has malformed entries on purpose.
        if (list !== undefined) provider.models = list as ProviderModel[];
      }
    },
    async close() {
      for (const { bus } of replicas) await bus.close();
      await limits.close();
      await database.close();
    },
  };
}

type Month = Awaited<ReturnType<typeof openMonth>>;

/** What must hold after every step, on every replica. */
async function check(
  { replicas, providers }: Month,
  expected: ReadonlyMap<string, Expectation>,
): Promise<void> {
  for (const { models, documents, reader } of replicas) {
    for (const { slug } of providers) {
      const { listed, everSeen, isStale } = expected.get(slug) ?? new Expectation();
      expect([...models.idsOf(slug)].sort()).toEqual([...listed.keys()].sort());
      expect(reader.snapshotOf(slug)?.error !== null).toBe(isStale);
      expect(reader.snapshotOf(slug)?.modelCount).toBe(listed.size);
      for (const id of everSeen) {
        const document = await documents.read(id);
        expect(document?.isDeleted).toBe(!listed.has(id));
        if (listed.has(id)) expect(JSON.stringify(document?.model)).toBe(listed.get(id));
      }
    }
    const total = [...expected.values()].reduce((sum, { listed }) => sum + listed.size, 0);
    const search = { filters: {}, includeOffline: true, withFacets: false, limit: 100, isUsable: () => true };
    expect(findModels([models.index], search).total).toBe(total);
    for (const { listed } of expected.values()) {
      for (const id of [...listed.keys()].slice(0, 3)) {
        expect(findModels([models.index], { ...search, query: id }).cards[0]?.id).toBe(id);
      }
    }
  }
}

it.each([1, 2, 3])(
  'a month of changes, outages and lies upstream leaves the catalog as the rules say (seed %i)',
  { timeout: 120_000 },
  async (seed) => {
    const world = await openMonth(seed);
    const expected = new Map(world.providers.map(({ slug }) => [slug, new Expectation()]));
    const answers = new Map<string, readonly unknown[] | undefined>(world.month.start);
    const versions = new Map<string, number>();

    await world.sync(0);
    for (const [slug, list] of answers) expected.get(slug)?.take(slug, list, world.clock.now);
    await check(world, expected);
    await vi.waitFor(() => expect(world.changes).toHaveLength(3));

    const began = world.clock.now;
    for (const [turn, step] of world.month.steps.entries()) {
      world.clock.now = began + step.atMs + hour / 2;
      world.apply(step);
      answers.set(step.provider, step.list);
      world.changes.length = 0;
      await world.sync(turn);

      const changed = [...expected].flatMap(([slug, expectation]) =>
        expectation.take(slug, answers.get(slug), world.clock.now).changed ? [slug] : [],
      );
      await check(world, expected);
      // Told once, and only of what really changed; versions never go back.
      await vi.waitFor(() =>
        expect(world.changes.map(({ provider }) => provider).sort()).toEqual(changed.sort()),
      );
      for (const { provider, version } of world.changes) {
        expect(version).toBeGreaterThanOrEqual(versions.get(provider) ?? 0);
        versions.set(provider, version);
      }
    }
    expect(new Set(world.month.steps.map(({ kind }) => kind))).toEqual(new Set(monthKinds));
    await world.close();
  },
);
