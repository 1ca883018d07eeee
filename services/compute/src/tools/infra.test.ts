import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import {
  AppError,
  actOnInfra,
  createInfra,
  deleteInfra,
  InputRequired,
  type JsonObject,
  listInfra,
  localPrincipal,
  openCredential,
  readBudgets,
  Secret,
} from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { canonicalTool } from '@inferry/profiles';
import type { ControlPlane, Resource } from '@inferry/providers';
import { sealText } from '@inferry/seals';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createComputeService } from '../service.ts';

/** A platform of machines in memory; `fate` says what becomes of a creation. */
class Machines implements ControlPlane {
  readonly slug = 'acme';
  readonly title = 'Acme';
  readonly needsKey = true;
  readonly resources = {
    pod: {
      verbs: ['list', 'get', 'create', 'update', 'delete', 'action'],
      actions: ['start', 'stop'],
      spec: { 'name*': 'Name', 'image*': 'Image' },
      patch: { name: 'Name' },
      isBilled: true,
    },
  } as const;
  readonly pods: Resource[] = [];
  price: number | undefined = 0.5;
  fate: 'made' | 'lost' | 'never' = 'made';
  created = 0;

  async list() {
    return { items: this.pods };
  }
  async get({ id }: { id: string }) {
    const found = this.pods.find((one) => one.id === id);
    if (found === undefined) throw new AppError('not_found', 'Acme has nothing of this id.');
    return found;
  }
  async quote() {
    return { amount: this.price, currency: 'USD' as const, basis: 'a list' };
  }
  async create({ spec, marks }: Parameters<ControlPlane['create']>[0]) {
    this.created += 1;
    const id = `p${this.created}`;
    const pod: Resource = {
      id,
      name: String(spec.name),
      status: 'RUNNING',
      hourlyCost: this.price,
      marks,
      facts: {},
    };
    if (this.fate !== 'never') this.pods.push(pod);
    if (this.fate !== 'made') throw new AppError('submit_unknown', 'Acme did not say whether it made it.');
    return pod;
  }
  async update({ id }: { id: string }) {
    return this.get({ id });
  }
  async act({ id, action }: { id: string; action: string }) {
    const pod = await this.get({ id });
    pod.status = action === 'stop' ? 'STOPPED' : 'RUNNING';
    return { id };
  }
  async remove({ id }: { id: string }) {
    this.pods.splice(
      this.pods.findIndex((one) => one.id === id),
      1,
    );
  }
  logs() {
    return Promise.resolve({ lines: [], truncated: false });
  }
  close() {
    return Promise.resolve();
  }
}

let machines: Machines;
let buses: Bus[];
let gateway: Bus;
let limits: Limits;
let computeBus: Bus;
let service: ReturnType<typeof createComputeService>;
let refusal: { code: string; message: string } | undefined;
let asked: unknown[];
const log = { info() {}, warn() {} };

beforeEach(() => {
  const transport = createInProcessTransport();
  const [auth, poller, compute] = ['auth', 'inference-poller', 'compute'].map((name) =>
    createBus(transport, { name }),
  );
  gateway = createBus(transport, { name: 'mcp-gateway' });
  if (auth === undefined || poller === undefined || compute === undefined) throw new Error('no buses');
  buses = [gateway, compute, poller, auth];
  machines = new Machines();
  limits = createInProcessLimits();
  refusal = undefined;
  asked = [];
  auth.serve(openCredential, async ({ provider, public_key: publicKey }) => ({
    credential: {
      connection_id: 'c1',
      sealed: sealText(new Secret('key'), publicKey, purposes.credential(provider, 'c1')),
      expires_in_seconds: 60,
    },
  }));
  poller.serve(readBudgets, async ({ run }) => {
    asked.push(run);
    return { budgets: [], ...(refusal !== undefined && { refusal }) };
  });
  computeBus = compute;
  transportOf = transport;
  service = start();
});

let transportOf: ReturnType<typeof createInProcessTransport>;
function start({ aheadMs = 0, sweepMs }: { aheadMs?: number; sweepMs?: number } = {}) {
  const now = () => Date.now() + aheadMs;
  return createComputeService(
    { bus: computeBus, log: log as never, limits, now },
    { planes: [machines], sweepMs },
  );
}

/** Another process with another bus, and a clock that is later; nothing in memory came along. */
async function restart(options: { aheadMs: number }) {
  await service.close();
  // What it served is another's from now on.
  await computeBus.drain(0);
  computeBus = createBus(transportOf, { name: 'compute' });
  buses.push(computeBus);
  service = start({ ...options, sweepMs: 20 });
}

afterEach(async () => {
  await service.close();
  await Promise.all(buses.map((bus) => bus.close()));
  await limits.close();
});

const principal = localPrincipal;
const spec = { name: 'n', image: 'i' };
const create = (more: JsonObject = {}) =>
  gateway.call(createInfra, { resource: 'pod', spec, ...more }, { principal });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'nothing',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

describe('what costs money by the hour', () => {
  it('is quoted, and not made by a dry run', async () => {
    expect(await create({ dry_run: true })).toEqual({ hourly_cost: 0.5, basis: 'a list' });
    expect(machines.created).toBe(0);
  });

  it('is refused above the caller’s most, and where nobody can tell', async () => {
    expect(await codeOf(create({ max_hourly_cost: 0.4 }))).toBe('max_cost_exceeded');
    machines.price = undefined;
    expect(await codeOf(create({ max_hourly_cost: 0.4 }))).toBe('price_unknown');
    expect(machines.created).toBe(0);
  });

  it('is held to budgets for as long as it is to run', async () => {
    refusal = { code: 'budget_exceeded', message: 'No.' };

    expect(await codeOf(create({ stop_after: 7_200 }))).toBe('budget_exceeded');
    expect(asked).toEqual([{ currency: 'USD', min: 1, max: 1 }]);
    expect(machines.created).toBe(0);
  });

  it('is made once for one client_ref, whatever becomes of the reply', async () => {
    const first = await create({ client_ref: 'a' });
    const again = await create({ client_ref: 'a' });
    machines.fate = 'lost';
    const lost = await create({ client_ref: 'b' });
    machines.fate = 'made';
    const found = await create({ client_ref: 'b' });

    expect([first.replayed, again.replayed, lost.replayed, found.replayed]).toEqual([
      undefined,
      true,
      true,
      true,
    ]);
    expect([again.resource?.id, found.resource?.id]).toEqual(['p1', 'p2']);
    expect(machines.created).toBe(2);
  });

  it('says that its fate is unknown where it is, and takes no other content for one ref', async () => {
    machines.fate = 'never';
    expect(await codeOf(create({ client_ref: 'a' }))).toBe('submit_unknown');
    machines.fate = 'made';
    await create({ client_ref: 'b' });

    const other = gateway.call(
      createInfra,
      { resource: 'pod', spec: { name: 'm', image: 'i' }, client_ref: 'b' },
      { principal },
    );

    expect(await codeOf(other)).toBe('idempotency_conflict');
  });

  it('is told with what all of it costs an hour, and has cost so far', async () => {
    await create();
    await create();
    const twoHoursAgo = new Date(Date.now() - 7_200_000).toISOString();
    for (const pod of machines.pods) pod.createdAt = twoHoursAgo;
    await gateway.call(actOnInfra, { resource: 'pod', id: 'p1', action: 'stop' }, { principal });

    const { items, summary } = await gateway.call(listInfra, { resource: 'pod' }, { principal });

    expect(items?.map(({ id, status }) => [id, status])).toEqual([
      ['p1', 'STOPPED'],
      ['p2', 'RUNNING'],
    ]);
    expect(summary).toEqual({ running: 1, hourly_cost: 0.5, cost_so_far: expect.closeTo(1, 2) });
  });

  it('is on one page of a list, and a cursor of another list or of nobody begins none', async () => {
    await create({ spec: { name: 'first', image: 'i' } });
    await create({ spec: { name: 'second', image: 'i' } });
    const list = (more: object) => gateway.call(listInfra, { resource: 'pod', ...more }, { principal });

    const first = await list({ limit: 1 });
    const { next_cursor: next } = first.page ?? {};
    const second = await list({ limit: 1, cursor: next });

    expect([first, second].map(({ items }) => items?.map(({ name }) => name))).toEqual([
      ['first'],
      ['second'],
    ]);
    expect(second.page).toEqual({ total: 2 });
    for (const cursor of ['garbage', ' ', '0', '-0', '1', '1.0', '1e1', '0x1', `${next}x`]) {
      await expect(list({ cursor }), cursor).rejects.toMatchObject({
        code: 'invalid_cursor',
        nextAction: expect.stringContaining('Start again without a cursor'),
      });
    }
    expect(await codeOf(list({ cursor: next, filters: { name: 'second' } }))).toBe('invalid_cursor');
  });

  it('is stopped when its time is over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      const { stop_at: stopAt } = await create({ stop_after: 60 });
      expect(Date.parse(stopAt ?? '')).toBe(Date.now() + 60_000);

      await vi.advanceTimersByTimeAsync(61_000);

      await vi.waitFor(() => expect(machines.pods[0]?.status).toBe('STOPPED'));
    } finally {
      vi.useRealTimers();
    }
  });

  it('is stopped after a restart when its time is over, and not before', async () => {
    await create({ stop_after: 60, spec: { name: 'short', image: 'i' } });
    await create({ stop_after: 7_200, spec: { name: 'long', image: 'i' } });
    await create();

    await restart({ aheadMs: 61_000 });

    await vi.waitFor(() => expect(machines.pods[0]?.status).toBe('STOPPED'), 20_000);
    expect(machines.pods.map(({ status }) => status)).toEqual(['STOPPED', 'RUNNING', 'RUNNING']);
  });

  it('runs on after a restart where the same client_ref gave it more time', async () => {
    await create({ stop_after: 60, client_ref: 'a' });
    const { stop_at: extended } = await create({ stop_after: 7_200, client_ref: 'a' });
    await create({ stop_after: 60, spec: { name: 'other', image: 'i' } });
    const { items } = await gateway.call(listInfra, { resource: 'pod' }, { principal });
    expect(items?.[0]?.stop_at).toBe(extended);

    await restart({ aheadMs: 61_000 });

    // Both are looked at in one go, the first one first.
    await vi.waitFor(() => expect(machines.pods[1]?.status).toBe('STOPPED'), 20_000);
    expect(machines.pods[0]?.status).toBe('RUNNING');
  });

  it('runs on when somebody starts it again after its time was over', async () => {
    await create({ stop_after: 60 });
    await create({ stop_after: 60, spec: { name: 'other', image: 'i' } });
    await restart({ aheadMs: 61_000 });
    await vi.waitFor(() => expect(machines.pods[0]?.status).toBe('STOPPED'), 20_000);
    await vi.waitFor(() => expect(machines.pods[1]?.status).toBe('STOPPED'), 20_000);

    await gateway.call(actOnInfra, { resource: 'pod', id: 'p1', action: 'start' }, { principal });
    // Started behind the service's back, it is what shows that the machines were looked at since.
    const [, other] = machines.pods;
    if (other !== undefined) other.status = 'RUNNING';
    await vi.waitFor(() => expect(machines.pods[1]?.status).toBe('STOPPED'), 20_000);

    expect(machines.pods[0]?.status).toBe('RUNNING');
  });

  it('names the fields that are missing or unknown, and makes nothing', async () => {
    const { validation } = await create({ spec: { name: 'n', size: 1 }, dry_run: true });

    expect(validation?.map(({ path }) => path)).toEqual(['spec.image', 'spec.size']);
    expect(await codeOf(create({ spec: { name: 'n' } }))).toBe('validation_failed');
    expect(machines.created).toBe(0);
  });
});

describe('a deletion', () => {
  const tool = canonicalTool(deleteInfra);
  const remove = (args: JsonObject, client: { capabilities: JsonObject; responses: JsonObject }) =>
    gateway.callTool(tool, { resource: 'pod', id: 'p1', ...args }, { principal, client });

  it('asks the user where the client can, and keeps what they want to keep', async () => {
    await create();
    const capabilities = { elicitation: {} };

    await expect(remove({}, { capabilities, responses: {} })).rejects.toBeInstanceOf(InputRequired);
    const no = await remove({}, { capabilities, responses: { confirm: { action: 'decline' } } });
    expect([JSON.parse(no).isError, machines.pods.length]).toEqual([true, 1]);
    const yes = { confirm: { action: 'accept', content: { delete: true } } };
    await remove({}, { capabilities, responses: yes });
    expect(machines.pods).toEqual([]);
  });

  it('needs the name where the client cannot be asked', async () => {
    await create();
    const client = { capabilities: {}, responses: {} };

    const unnamed = JSON.parse(await remove({}, client));
    const wrong = JSON.parse(await remove({ confirm_name: 'x' }, client));
    await remove({ confirm_name: 'n' }, client);

    expect([unnamed.isError, wrong.isError, machines.pods.length]).toEqual([true, true, 0]);
  });
});
