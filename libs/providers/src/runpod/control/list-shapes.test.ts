/** The check of live answers is itself checked: it finds what changed, and nothing where nothing did. */
import type { JsonObject } from '@inferry/contracts';
import { type Emulator, type Emulators, runpodEmulator, startEmulators } from '@inferry/testing/emulators';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changedLists, changesOf, lists } from './list-shapes.fixture.ts';

let emulators: Emulators;
let emulator: Emulator;

/** One of each, so that no list is empty. */
const made: Readonly<Record<string, JsonObject>> = {
  '/pods': { name: 'a pod', image: 'i:1', gpu: { id: 'NVIDIA GeForce RTX 4090', count: 1 } },
  '/serverless': {
    name: 'an endpoint',
    type: 'QUEUE',
    image: 'i:1',
    gpu: { pools: ['ADA_24'], count: 1 },
    scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
    workers: { min: 0, max: 2, idleTimeout: 5 },
  },
  '/templates': { name: 'a template', image: 'i:1', serverless: false, env: { ANY: '1' } },
  '/network-volumes': { name: 'a volume', size: 20, dataCenter: 'US-KS-2' },
  '/registries': { name: 'a registry', username: 'u', password: 'p' },
};

beforeAll(async () => {
  emulators = await startEmulators({ definitions: [runpodEmulator] });
  emulator = emulators.of('runpod');
  for (const [path, body] of Object.entries(made)) {
    const reply = await fetch(`${emulator.base('rest')}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${emulator.keys.valid}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect([path, reply.status, reply.ok ? '' : await reply.text()]).toEqual([path, 201, '']);
  }
});
afterAll(() => emulators.close());

describe('the shapes of lists', () => {
  it('are those that were seen, on every list of the platform [RP-56]', async () => {
    expect(await changedLists(emulator.base('rest'), emulator.keys.valid)).toEqual([]);
  });

  it('are none where the key is refused', async () => {
    const changes = await changedLists(emulator.base('rest'), 'rpa_wrong');

    expect(changes).toEqual(lists.map(({ path }) => `${path}: HTTP 401`));
  });

  it.each([
    ['under another name', { items: [] }, ['pods is gone']],
    ['bare', [], ['the answer is list, and was object']],
    ['no JSON', '<html>', ['the answer is string, and was object']],
    ['an object by id', { pods: { p1: {} } }, ['pods is object, and was list']],
    ['with a number for an id', { pods: [pod({ id: 7 })] }, ['pods[].id is number, and was string']],
    ['with money as text', { pods: [pod({ cost: '0.44' })] }, ['pods[].cost is string, and was number']],
    ['with a GPU’s name alone', { pods: [pod({ gpu: 'A100' })] }, ['pods[].gpu is string, and was object']],
    ['without what it costs', { pods: [pod({}), { ...pod({}), cost: undefined }] }, ['pods[].cost is gone']],
  ])('that are %s are found', (_, answer, changes) => {
    const [pods] = lists;
    const found = pods && changesOf(pods, JSON.parse(JSON.stringify(answer)));

    expect(found).toEqual(changes.map((change) => `/pods: ${change}`));
  });

  it('may have fields that nobody saw, nulls, variables of any name, and no items', () => {
    const [pods] = lists;
    const more = pod({ colour: 'red', registry: null, env: { ANY: '1' }, startedAt: null });

    expect(pods && changesOf(pods, { pods: [more] })).toEqual([]);
    expect(pods && changesOf(pods, { pods: [] })).toEqual([]);
  });
});

function pod(more: JsonObject): JsonObject {
  return { id: 'p1', name: 'a pod', image: 'i:1', status: 'RUNNING', cost: 0.44, ...more };
}
