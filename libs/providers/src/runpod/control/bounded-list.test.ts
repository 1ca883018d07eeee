/** Every tool of both editions before an account that has a thousand of everything. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isObject, Secret } from '@inferry/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ControlPlane } from '../../control-plane.ts';
import { runpod } from '../definition.ts';
import { boundedList, maxListBytes } from './bounded-list.ts';

const schemasFile = new URL(
  '../../../../profiles/src/runpod/observed-schemas.generated.json',
  import.meta.url,
);
const schemas: Record<string, Record<string, { properties: object }>> = JSON.parse(
  readFileSync(schemasFile, 'utf8'),
);
const editions = { runpod: '3.4.0', 'runpod-4': '4.0.0' } as const;

/** What the answers of these tools are bounded by, where it is no bound of a list. */
const bounds: readonly (readonly [why: string, names: RegExp])[] = [
  [
    'one resource, as its owner made it',
    /^(get|create|update|start|stop|restart|set)-|^pod-action$|^deploy-/,
  ],
  ['nothing but that it is done', /^(delete|revoke|purge|cancel)-/],
  ['counts', /^endpoint-health$/],
  [
    'the output of a job, which job-output.ts cuts',
    /^(run|runsync)-endpoint$|^(get-job-status|stream-job|retry-job)$/,
  ],
  ['a look at a log, which ends at 256 KiB', /^stream-.*-logs$/],
];
const lists = Object.entries(editions).flatMap(([profile, edition]) =>
  Object.entries(schemas[profile] ?? {})
    .filter(([name]) => name.startsWith('list-') || name === 'get-capacity' || name === 'get-billing')
    .map(([name, { properties }]) => [edition, name, Object.keys(properties)] as const),
);

let count = 1_000;
let asked = 0;
let plane: ControlPlane;

/** As much as any of these lists says of one, in the words of all of them. */
function one(index: number) {
  return {
    ...{ id: `res-${String(index).padStart(10, '0')}`, name: `resource ${index}`, status: 'RUNNING' },
    ...{ image: 'registry.example/team/worker:1.2.3', createdAt: '2026-06-01T12:00:00Z', cost: 0.44 },
    ...{
      env: { HF_HOME: '/workspace/cache', MODEL: 'meta-llama/Llama-3.1-8B-Instruct' },
      ports: ['8888/http'],
    },
    ...{ gpu: { id: 'NVIDIA GeForce RTX 4090', count: 1 }, description: 'What it is for. '.repeat(4) },
    ...{ displayName: `Model ${index}`, aiApiId: `model-${index}`, isLive: true, type: 'SERVERLESS' },
    ...{ title: `Repo ${index}`, repoOwner: 'o', repoName: `r${index}`, metadata: '{"source":"image"}' },
    ...{ memoryInGb: 24, secureCloud: true, communityCloud: true },
    lowestPrice: {
      stockStatus: 'High',
      gpuTypeCudaVersions: [{ cudaVersion: '12.8', availability: 'AVAILABLE' }],
    },
  };
}

const many = Array.from({ length: 1_000 }, (_, index) => one(index));

/** Where version 2 has each list, the longer address first, and below which name. */
const paths: readonly (readonly [address: RegExp, key: string])[] = [
  [/\/workers$/, 'workers'],
  [/\/releases$/, 'releases'],
  [/\/builds$/, 'builds'],
  [/\/billing/, 'records'],
  [/\/pods$/, 'pods'],
  [/\/clusters$/, 'clusters'],
  [/\/serverless$/, 'endpoints'],
  [/\/templates$/, 'templates'],
  [/\/network-volumes$/, 'networkVolumes'],
  [/\/delegations$/, 'delegations'],
  [/\/registries$/, 'registries'],
  [/\/gpus$/, 'gpus'],
  [/\/cpus$/, 'cpus'],
  [/\/datacenters$/, 'dataCenters'],
];
const questions = ['listings', 'allAiApiPublicConfigs', 'gpuTypes'];

const server = createServer(async (request, response) => {
  asked += 1;
  let query = '';
  for await (const chunk of request) query += String(chunk);
  const items = count === many.length ? many : many.slice(0, count);
  const { pathname } = new URL(request.url ?? '/', 'http://platform');
  const key = paths.find(([address]) => address.test(pathname))?.[1] ?? 'nothing';
  const question = questions.find((name) => query.includes(name)) ?? 'nothing';
  const body = pathname.startsWith('/rest/') ? { [key]: items } : { data: { [question]: items } };
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: it listens on TCP.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bases = Object.fromEntries(
    ['api', 'rest', 'rest1', 'graphql', 'account'].map((name) => [name, `${origin}/${name}`]),
  );
  const opened = await runpod.control?.({
    ...{ slug: 'runpod', title: 'Runpod', capabilities: runpod.capabilities, settings: {} },
    bases: { api: `${origin}/api`, ...bases },
    ...{ allowPrivateHosts: true, now: Date.now, random: Math.random },
  });
  if (opened === undefined) throw new Error('Runpod has no machines any more');
  plane = opened;
});
afterAll(async () => {
  await plane.close();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  count = 1_000;
  asked = 0;
});

async function answer(name: string, edition: string, args: Record<string, unknown> = {}) {
  const accepted =
    edition === '4.0.0' ? { accepted: Object.keys(schemas['runpod-4']?.[name]?.properties ?? {}) } : {};
  const caller = { name: 'a client', version: '1', transport: 'http' } as const;
  const context = { credential: new Secret('rpa_key'), signal: new AbortController().signal };
  const told = await plane.call?.({ name, edition, args, caller, ...accepted }, context);
  if (told === undefined || told.isError === true || !isObject(told.body))
    throw new Error(JSON.stringify(told));
  return told.body;
}

function argumentsFor(properties: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    properties.filter((name) => name === 'id' || name === 'endpointId').map((name) => [name, 'e1']),
  );
}

function itemsIn(body: Record<string, unknown>): unknown[] {
  return Object.values(body).find((value): value is unknown[] => Array.isArray(value)) ?? [];
}

describe('a list', () => {
  it.each(lists)(
    'of edition %s, %s, has a bound however much there is, and says how much is left out',
    async (edition, name, properties) => {
      const args = argumentsFor(properties);
      const calls = properties.includes('limit') ? [args, { ...args, limit: 100 }] : [args];

      for (const given of calls) {
        const body = await answer(name, edition, given);

        expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThanOrEqual(maxListBytes);
        expect(body.pagination).toMatchObject({
          total: 1_000,
          truncated: true,
          note: expect.stringMatching(/\d+ more/),
        });
        expect(body.pagination).toMatchObject({ returned: itemsIn(body).length });
        expect(itemsIn(body).length).toBeGreaterThanOrEqual(20);
      }
    },
  );

  it.each(lists)('of edition %s, %s, is as it came where it is short', async (edition, name, properties) => {
    count = 2;

    const body = await answer(name, edition, argumentsFor(properties));

    expect(itemsIn(body)).toHaveLength(2);
    expect(JSON.stringify(body)).not.toContain('brief');
    if (!properties.includes('limit') && name !== 'list-templates')
      expect(itemsIn(body)).toEqual([one(0), one(1)]);
  });

  it('is read to its end by its cursors, every item once, however short its pages have to be', async () => {
    const seen: unknown[] = [];
    let cursor: unknown;
    do {
      const body = await answer('list-pods', '3.4.0', {
        limit: 100,
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...itemsIn(body).map((item) => isObject(item) && item.id));
      cursor = isObject(body.pagination) ? (body.pagination.nextCursor ?? undefined) : undefined;
    } while (cursor !== undefined);

    expect(seen).toEqual(many.map(({ id }) => id));
  });

  it('of all resources is asked for once', async () => {
    const context = { credential: new Secret('rpa_key'), signal: new AbortController().signal };

    const { items } = await plane.list({ type: 'pod' }, context);

    expect([items.length, asked]).toEqual([1_000, 1]);
  });

  it('cuts what is long in an item that alone is too long', () => {
    const items = [{ id: 'a', readme: 'x'.repeat(100_000), env: { A: 'y'.repeat(9_000) } }, { id: 'b' }];
    const page = {
      items,
      pagination: { total: 2, returned: 2, offset: 0, truncated: false, nextCursor: null },
    };

    const body = boundedList(page, { name: 'list-templates' });

    expect(body).toMatchObject({
      items: [{ id: 'a', readme: expect.stringMatching(/^x{500}…$/) }, { id: 'b' }],
      pagination: { returned: 2, truncated: false, nextCursor: null, note: expect.stringContaining('cut') },
    });
  });

  it('keeps what stands beside it, and takes a bare one', () => {
    const beside = boundedList({ summary: { total: 7 }, workers: many }, { name: 'list-endpoint-workers' });
    const bare = boundedList(many, { name: 'list-clusters', accepted: [] });

    expect(beside).toMatchObject({ summary: { total: 7 }, pagination: { total: 1_000 } });
    expect(bare).toMatchObject({ items: expect.any(Array), pagination: { total: 1_000, truncated: true } });
  });
});

it('is every tool whose answer has no other bound', () => {
  const known = new Set(lists.map(([, name]) => name));
  const others = Object.keys(editions).flatMap((profile) => Object.keys(schemas[profile] ?? {}));
  const unbounded = others.filter((name) => !known.has(name) && !bounds.some(([, kind]) => kind.test(name)));

  expect(unbounded).toEqual([]);
});
