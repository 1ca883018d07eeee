import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Secret } from '@inferry/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PlatformClient } from '../../http/index.ts';
import { RunpodControl } from './native.ts';
import { SharedReads } from './shared-reads.ts';
import { parseRestVersions } from './versions.ts';
import type { Edition } from './wire.ts';

let seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ id: 'p1', number: seen.length, pods: [] }));
});
let client: PlatformClient;
let control: RunpodControl;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: it listens on TCP.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bases = { api: origin, rest: origin, rest1: origin, graphql: origin, account: origin };
  client = new PlatformClient({
    ...{ title: 'Runpod', bases, readRetries: 0 },
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
  });
  control = new RunpodControl({ client, versions: parseRestVersions({}) });
});
afterAll(async () => {
  await client.close();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  seen = [];
});

const ada = new Secret('rpa_ada');
const bob = new Secret('rpa_bob');

function call(
  [name, args]: readonly [string, Record<string, unknown>],
  { credential = ada, client: agent = 'a', edition = '4.0.0' as Edition } = {},
) {
  const caller = { name: agent, version: '1', transport: 'http', sessionId: crypto.randomUUID() } as const;
  const context = { credential, signal: new AbortController().signal };
  return control.call({ name, args, edition, caller, context });
}

describe('reads of a control plane that are asked for at one moment', () => {
  it('end a request that nobody waits for, and none that has its answer', async () => {
    const reads = new SharedReads();
    const signals: AbortSignal[] = [];
    const asked = { holder: ada, name: 'one', signal: new AbortController().signal };
    const givenUp = new AbortController();

    await reads.read(asked, async (signal) => signals.push(signal));
    const left = reads.read({ ...asked, signal: givenUp.signal }, (signal) => {
      signals.push(signal);
      givenUp.abort(new Error('nobody waits'));
      return new Promise<never>(() => undefined);
    });

    await expect(left).rejects.toThrow('nobody waits');
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  it('leave once, and all who asked have the answer', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => call(['get-pod', { id: 'p1' }])));

    expect(seen).toEqual(['GET /pods/p1']);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  it('leave once in the third edition too, where each caller has a page of its own', async () => {
    const lists = [{}, { limit: 1 }, { name: 'x' }].map((args) =>
      call(['list-pods', args], { edition: '3.4.0' }),
    );
    await Promise.all(lists);

    expect(new Set(seen)).toEqual(new Set(['GET /pods']));
    expect(seen).toHaveLength(1);
  });

  it('leave for each key by itself, for each client, and for each thing that is asked for', async () => {
    await Promise.all([
      call(['get-pod', { id: 'p1' }]),
      call(['get-pod', { id: 'p1' }], { credential: bob }),
      call(['get-pod', { id: 'p1' }], { client: 'b' }),
      call(['get-pod', { id: 'p2' }]),
    ]);

    expect(seen.toSorted()).toEqual(['GET /pods/p1', 'GET /pods/p1', 'GET /pods/p1', 'GET /pods/p2']);
  });

  it('are never a change, nor what takes away what it reads', async () => {
    const twice = (asked: Parameters<typeof call>[0]) => Promise.all([call(asked), call(asked)]);
    await twice(['create-pod', { body: { name: 'n' } }]);
    await twice(['delete-pod', { id: 'p1' }]);
    await twice(['get-job-status', { endpointId: 'e', jobId: 'j' }]);

    expect(seen.filter((line) => line.startsWith('POST'))).toHaveLength(2);
    expect(seen.filter((line) => line.startsWith('DELETE'))).toHaveLength(2);
    expect(seen.filter((line) => line.includes('/status/j'))).toHaveLength(2);
  });
});

describe('a shared read', () => {
  const signal = () => new AbortController().signal;

  it('is asked for again once it has left, so that nobody is told of a state before their question', async () => {
    const reads = new SharedReads();
    const gates: (() => void)[] = [];
    const send = () => new Promise<number>((resolve) => gates.push(() => resolve(gates.length)));
    const first = reads.read({ holder: ada, name: 'n', signal: signal() }, send);
    await expect.poll(() => gates.length).toBe(1);
    const second = reads.read({ holder: ada, name: 'n', signal: signal() }, send);
    await expect.poll(() => gates.length).toBe(2);
    for (const open of gates) open();

    await expect(Promise.all([first, second])).resolves.toEqual([2, 2]);
    expect(gates).toHaveLength(2);
  });

  it('goes on while one still waits, and ends with the last of them', async () => {
    const reads = new SharedReads();
    const [one, other] = [new AbortController(), new AbortController()];
    let sent: AbortSignal | undefined;
    const send = (its: AbortSignal) => {
      sent = its;
      return new Promise<never>(() => undefined);
    };
    const waits = [one, other].map((by) =>
      reads.read({ holder: ada, name: 'n', signal: by.signal }, send).catch(() => 'given up'),
    );
    await expect.poll(() => sent).toBeDefined();
    one.abort();
    await expect(waits[0]).resolves.toBe('given up');
    expect(sent?.aborted).toBe(false);
    other.abort();

    await expect(waits[1]).resolves.toBe('given up');
    expect(sent?.aborted).toBe(true);
  });

  it('that everybody gave up before it left is nothing to whoever asks next', async () => {
    const reads = new SharedReads();
    const gone = AbortSignal.abort();
    const given = reads.read({ holder: ada, name: 'n', signal: gone }, async () => 'first');
    await expect(given).rejects.toThrow();
    const next = reads.read({ holder: ada, name: 'n', signal: signal() }, async (its) => its.aborted);
    await nextTurn();

    await expect(next).resolves.toBe(false);
  });

  it('fails for all who wait, and for nobody afterwards', async () => {
    const reads = new SharedReads();
    const ask = (send: () => Promise<string>) =>
      reads.read({ holder: ada, name: 'n', signal: signal() }, send);
    const fail = async () => {
      throw new Error('down');
    };
    const both = await Promise.allSettled([ask(fail), ask(fail)]);
    const later = await ask(async () => 'up');

    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(later).toBe('up');
  });
});
