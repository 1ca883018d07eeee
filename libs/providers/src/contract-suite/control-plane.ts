/** What every control plane does alike, over its emulator: one test a promise. */

import type { JsonObject } from '@inferry/contracts';
import { Secret } from '@inferry/contracts';
import {
  type Emulator,
  type EmulatorDefinition,
  type Emulators,
  startEmulators,
} from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, type Resource, type ResourceType, resourceTypes } from '../control-plane.ts';
import type { AdapterDefinition } from '../definition.ts';
import type { Bases } from '../http/index.ts';
import type { ProviderContext } from '../provider.ts';
import { refusalOf } from './world.ts';

interface PlaneSample {
  spec: JsonObject;
  /** One field of `patch`, and where the resource shows what became of it. */
  patch?: JsonObject;
}

/** A control plane with its emulator, and what to make there. */
export interface PlaneSubject {
  /** Absent where the plane is of no provider: then `open` is given. */
  definition?: AdapterDefinition;
  open?(emulator: Emulator): Promise<ControlPlane>;
  title?: string;
  emulator: EmulatorDefinition;
  settings?: Readonly<Record<string, string>>;
  /** Of every type that can be made: a type without one fails the suite. */
  samples: Partial<Record<ResourceType, PlaneSample>>;
}

const quiet = { on: ['submit'] } as const;
const marks = { ref: 'ref-1', owner: 'owner-1', stop_at: '2026-12-01T00:00:00.000Z' };

/** A control plane over its emulator, for one test after the other. */
class PlaneWorld {
  readonly samples: (PlaneSample & { type: ResourceType })[];
  readonly #subject: PlaneSubject;
  #open: { emulators: Emulators; emulator: Emulator; plane: ControlPlane } | undefined;

  constructor(subject: PlaneSubject) {
    this.#subject = subject;
    this.samples = Object.entries(subject.samples).map(([type, sample]) => ({
      // as: the keys of a record by type.
      type: type as ResourceType,
      ...sample,
    }));
  }

  get takesKeys(): boolean {
    return this.plane.needsKey;
  }

  async open(): Promise<void> {
    const emulators = await startEmulators({ definitions: [this.#subject.emulator] });
    const emulator = emulators.of(this.#subject.emulator.slug);
    this.#open = { emulators, emulator, plane: await openPlane(this.#subject, emulator) };
  }

  async close(): Promise<void> {
    await this.#open?.plane.close();
    await this.#open?.emulators.close();
  }

  get emulator(): Emulator {
    if (this.#open === undefined) throw new Error('the emulator is not open');
    return this.#open.emulator;
  }

  get plane(): ControlPlane {
    if (this.#open === undefined) throw new Error('the control plane is not open');
    return this.#open.plane;
  }

  context(key = this.emulator.keys.valid): ProviderContext {
    return { credential: new Secret(key), signal: AbortSignal.timeout(30_000) };
  }

  submits(): number {
    return this.emulator.requests.filter(({ kind }) => kind === 'submit').length;
  }

  typesWith(verb: string): ResourceType[] {
    return resourceTypes.filter((type) => this.plane.resources[type]?.verbs.some((one) => one === verb));
  }

  /** What costs money by the hour and can be stopped. */
  billed(): PlaneSample & { type: ResourceType } {
    const found = this.samples.find(({ type }) => this.plane.resources[type]?.actions?.includes('stop'));
    if (found === undefined) throw new Error('no sample can be stopped');
    return found;
  }

  make(
    { type, spec }: { type: ResourceType; spec: JsonObject },
    given: Resource['marks'] = {},
  ): Promise<Resource> {
    return this.plane.create({ type, spec, marks: given }, this.context());
  }
}

export function describeControlPlane(subject: PlaneSubject): void {
  const world = new PlaneWorld(subject);
  describe(`the control plane of ${subject.title ?? subject.definition?.title}`, () => {
    beforeAll(() => world.open());
    afterEach(() => {
      expect(world.emulator.violations).toEqual([]);
      world.emulator.reset();
    });
    afterAll(() => world.close());

    testResources(world);
    testMachines(world);
    testRefusals(world);
  });
}

function testResources(world: PlaneWorld): void {
  it('has a sample of every type that it makes, and knows all of their fields', () => {
    const made = world.typesWith('create');

    expect(world.samples.map(({ type }) => type).toSorted()).toEqual(made.toSorted());
    for (const { type, spec, patch = {} } of world.samples) {
      const { spec: known = {}, patch: changeable = {} } = world.plane.resources[type] ?? {};
      const fields = Object.keys(known).map((name) => name.replace('*', ''));
      expect(Object.keys(spec).filter((name) => !fields.includes(name))).toEqual([]);
      expect(Object.keys(patch).filter((name) => !(name in changeable))).toEqual([]);
    }
  });

  it('lists every type that it says it lists, each with an id of its own', async () => {
    for (const type of world.typesWith('list')) {
      const parent = world.plane.resources[type]?.parent;
      const of =
        parent === undefined
          ? undefined
          : (await world.plane.list({ type: parent }, world.context())).items[0]?.id;
      const { items } = await world.plane.list({ type, parentId: of }, world.context());
      const ids = items.map(({ id }) => id);
      if (type === 'billing') continue;
      expect([type, ids.filter((id) => id === ''), new Set(ids).size]).toEqual([type, [], ids.length]);
    }
  });

  it.each(world.samples)('makes, reads, changes and deletes: $type', async ({ type, spec, patch }) => {
    const { id, name } = await world.make({ type, spec });
    expect([id === '', world.submits()]).toEqual([false, 1]);
    const canGet = world.plane.resources[type]?.verbs.includes('get') === true;
    if (patch !== undefined)
      expect((await world.plane.update({ type, id, patch }, world.context())).id).toBe(id);
    if (canGet) {
      const found = await world.plane.get({ type, id }, world.context());
      expect([found.id, found.name]).toEqual([id, patch?.name ?? name]);
    }
    const listed = async () =>
      (await world.plane.list({ type }, world.context())).items.map((item) => item.id);
    expect(await listed()).toContain(id);

    await world.plane.remove({ type, id }, world.context());

    expect(await listed()).not.toContain(id);
    if (canGet)
      expect((await refusalOf(() => world.plane.get({ type, id }, world.context()))).code).toBe('not_found');
    expect((await refusalOf(() => world.plane.remove({ type, id }, world.context()))).code).toBe('not_found');
  });

  it.each(world.samples)('quotes before anything is made: $type', async ({ type, spec }) => {
    const { amount, currency, basis } = await world.plane.quote({ type, spec }, world.context());

    expect([currency, basis.length > 0, world.submits()]).toEqual(['USD', true, 0]);
    if (world.plane.resources[type]?.isBilled !== true) return expect(amount).toBe(0);
    expect(amount).toBeGreaterThan(0);
    const { hourlyCost = amount } = await world.make({ type, spec });
    expect(hourlyCost).toBeCloseTo(amount ?? 0, 6);
  });
}

function testMachines(world: PlaneWorld): void {
  it('stops and starts what costs money, and tells the state', async () => {
    const { type, spec } = world.billed();
    const { id } = await world.make({ type, spec });
    const running = (await world.plane.get({ type, id }, world.context())).status;

    await world.plane.act({ type, id, action: 'stop' }, world.context());
    const stopped = (await world.plane.get({ type, id }, world.context())).status;
    await world.plane.act({ type, id, action: 'start' }, world.context());

    expect(stopped).not.toBe(running);
    expect((await world.plane.get({ type, id }, world.context())).status).toBe(running);
    expect(
      (await refusalOf(async () => world.plane.act({ type, id, action: 'fly' }, world.context()))).code,
    ).toBe('validation_failed');
  });

  it('finds a machine again by what it was marked with', async () => {
    const { type, spec } = world.billed();
    const { id } = await world.make({ type, spec }, marks);

    const { items } = await world.plane.list({ type }, world.context());

    expect(items.map((item) => [item.id, item.marks])).toEqual([[id, marks]]);
  });

  it('shows the log in lines', async () => {
    const { type, spec } = world.billed();
    const { id } = await world.make({ type, spec });

    const { lines, truncated } = await world.plane.logs(
      { type, id, tail: 1, maxWaitMs: 20_000 },
      world.context(),
    );

    expect([lines.length, truncated]).toEqual([1, false]);
    expect(lines[0]?.line).not.toBe('');
  });
}

function testRefusals(world: PlaneWorld): void {
  it('makes one where the reply is lost, and returns it or says that nobody can tell', async () => {
    const { type, spec } = world.billed();
    world.emulator.script({ ...quiet, dropReplyAfterAccept: true });

    const outcome = await world.make({ type, spec }, marks).catch((error: unknown) => error);

    const { items } = await world.plane.list({ type }, world.context());
    expect([items.length, world.submits()]).toEqual([1, 1]);
    const found = outcome instanceof Error ? outcome : { id: items[0]?.id };
    expect(outcome).toMatchObject(outcome instanceof Error ? { code: 'submit_unknown' } : found);
  });

  it.each([
    ['a call that never came', { dropBeforeAccept: true }, 'submit_unknown'],
    ['an answer of something between', { failFirst: { times: 9, status: 503 } }, 'submit_unknown'],
    ['a refused key', { refuse: 'bad_key' }, 'unauthorized'],
    ['no credit', { refuse: 'no_credit' }, 'insufficient_credits'],
    ['too many calls', { rate429: 9 }, 'rate_limited'],
    ['a field that is refused', { refuse: 'validation' }, 'validation_failed'],
  ] as const)('sends a creation once, and makes nothing: %s', async (_, scenario, code) => {
    const { type, spec } = world.billed();
    world.emulator.script({ ...quiet, ...scenario });

    const refusal = await refusalOf(() => world.make({ type, spec }));

    world.emulator.script({});
    expect([refusal.code, world.submits()]).toEqual([code, 1]);
    expect((await world.plane.list({ type }, world.context())).items).toEqual([]);
  });

  it('follows no redirect with a key, and repeats none that the platform quotes', async () => {
    const { type, spec } = world.billed();
    world.emulator.script({ ...quiet, hostile: 'redirect' });
    await refusalOf(() => world.make({ type, spec }));
    expect(world.emulator.requests.filter(({ isForeign }) => isForeign)).toEqual([]);

    world.emulator.script({ ...quiet, hostile: 'quote_key' });
    const { message, nextAction = '' } = await refusalOf(() => world.make({ type, spec }));
    expect(message + nextAction).not.toContain(world.emulator.keys.valid);
  });

  it('says that a key is refused, and that there is nothing of an id', async () => {
    const { type } = world.billed();
    const none = { type, id: 'none-of-it' };
    const calls = [
      () => world.plane.get(none, world.context()),
      () => world.plane.update({ ...none, patch: anyPatch(world, type) }, world.context()),
      () => world.plane.act({ ...none, action: 'stop' }, world.context()),
    ];

    const codes = await Promise.all(calls.map(async (call) => (await refusalOf(call)).code));

    expect(codes).toEqual(['not_found', 'not_found', 'not_found']);
    if (!world.takesKeys) return;
    const revoked = await refusalOf(() =>
      world.plane.list({ type }, world.context(world.emulator.keys.revoked)),
    );
    expect(revoked.code).toBe('unauthorized');
  });
}

/** A change that the type knows. */
function anyPatch(world: PlaneWorld, type: ResourceType): JsonObject {
  return world.samples.find((sample) => sample.type === type)?.patch ?? {};
}

async function openPlane(
  { definition, open, settings = {} }: PlaneSubject,
  emulator: Emulator,
): Promise<ControlPlane> {
  if (open !== undefined) return open(emulator);
  if (definition === undefined) throw new Error('a subject has a definition or opens its plane');
  const names = Object.keys(definition.bases);
  // as: every definition has `api` among its bases.
  const bases = Object.fromEntries(names.map((name) => [name, emulator.base(name)])) as Bases;
  const plane = await definition.control?.({
    ...{
      slug: definition.slug,
      title: definition.title,
      capabilities: definition.capabilities,
      bases,
      settings,
    },
    ...{ allowPrivateHosts: false, now: () => emulator.now(), random: () => 0.5 },
  });
  if (plane === undefined) throw new Error(`${definition.title} has no control plane`);
  return plane;
}
