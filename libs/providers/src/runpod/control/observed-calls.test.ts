import { isObject } from '@inferry/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDocument } from './graphql-document.fixture.ts';
import { closeStub, type Observed, openStub, run, seen, shared, vectors } from './observed-calls.fixture.ts';

beforeAll(openStub);
afterAll(closeStub);

/** Where this control plane does better, each with its reason. */
const differs: Readonly<Record<string, string>> = {
  'rp-3x-0079': 'an answer that is no list is an outage and no empty account',
  'rp-3x-0347': 'an answer that is no list is an outage and no empty account',
  'rp-3x-0353': 'a page of HTML is an outage and no empty account',
  'rp-3x-0090': 'an id stays one segment of the path',
  'rp-3x-0358': 'an id stays one segment of the path',
  'rp-3x-0223': 'what a bare list of the stream brought is kept',
  'rp-3x-0490': 'what a bare list of the stream brought is kept',
  'rp-3x-0491': 'what a bare list of the stream brought is kept',
  'rp-3x-0409': 'the reply is kept in part, and its result was longer than what is kept of it',
};

/** The same structure: a sentence is any text, and a random part is any. */
function expectSame(actual: unknown, expected: unknown, at: string): void {
  if (expected === '<sentence>') {
    expect(actual, at).toEqual(expect.stringMatching(/\S/));
  } else if (typeof expected === 'string' && expected.includes('<random>')) {
    expect(actual, at).toEqual(expect.stringContaining(expected.replace('<random>', '')));
  } else if (Array.isArray(expected)) {
    expect(Array.isArray(actual) && actual.length, at).toBe(expected.length);
    for (const [index, item] of expected.entries())
      expectSame((actual as unknown[])[index], item, `${at}[${index}]`);
  } else if (isObject(expected)) {
    expect(isObject(actual), at).toBe(true);
    const given = actual as Record<string, unknown>;
    expect(Object.keys(given).toSorted(), at).toEqual(Object.keys(expected).toSorted());
    for (const [name, item] of Object.entries(expected)) expectSame(given[name], item, `${at}.${name}`);
  } else {
    expect(actual, at).toEqual(expected);
  }
}

function expectAsked(vector: Observed): void {
  const asks = vector.asks ?? [];
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
    asks.map(([method, url]) => `${method} ${url}`),
  );
  for (const [index, [, , document, body]] of asks.entries()) {
    const sent = seen[index]?.body;
    if (document === null) {
      expectSame(sent, body ?? undefined, `request ${index}`);
      continue;
    }
    const { query, variables } = sent as { query: string; variables?: unknown };
    const told = shared[document] as { operation: string; variables: string[]; selects: unknown };
    expect(readDocument(query)).toEqual({
      operation: told.operation,
      variables: told.variables,
      selects: told.selects,
    });
    expectSame(variables, body ?? undefined, `variables ${index}`);
  }
}

function expectTracked(vector: Observed, transport: 'stdio' | 'http'): void {
  const edition = vector.edition ?? '3.4.0';
  const surface = edition === '4.0.0' ? 'surface=v2; ' : '';
  for (const { base, method, headers } of seen) {
    expect(headers['user-agent']).toBe(
      `runpod-mcp-server/${edition} (caller=mcp; ${surface}client=a_client; client_version=1.0; transport=${transport})`,
    );
    expect(headers['x-runpod-session-id']).toBe('uuid-1');
    expect(headers.authorization).toBe(base === 'graphql_public' ? undefined : 'Bearer rpa_key');
    if (headers.accept === 'text/event-stream') continue;
    expect(headers.accept).toBe('*/*');
    const isBare = edition === '4.0.0' && base === 'rest_v2' && /^(GET|DELETE)$/.test(method);
    expect(headers['content-type']).toBe(isBare ? undefined : 'application/json');
  }
}

function expectResult(vector: Observed, { body, error, isError }: Awaited<ReturnType<typeof run>>): void {
  const expected = vector.json === undefined ? undefined : shared[vector.json];
  // A job that failed was told in full: the call has not.
  const isRefusal = isObject(expected) && 'error' in expected && expected.status !== 'FAILED';
  expect(isError, JSON.stringify(body ?? error?.message)).toBe(vector.fails === true || isRefusal);
  if (vector.names !== undefined) expect(error?.upstreamStatus).toBe(vector.names);
  if (expected !== undefined) expectSame(body, expected, 'result');
}

/** Arguments that the tool's schema refuses never come here. */
const reachesPlatform = (vector: Observed) => vector.json !== undefined || (vector.asks ?? []).length > 0;

/** An unknown name is the gateway's to refuse. */
const cases = vectors.filter((vector) => vector.tool !== 'no-such-tool' && reachesPlatform(vector));
const transports = [
  ['s', 'stdio'],
  ['h', 'http'],
] as const;

function titled(wanted: (vector: Observed) => boolean) {
  return cases
    .filter((vector) => differs[vector.id] === undefined && wanted(vector))
    .flatMap((vector) =>
      transports
        .filter(([letter]) => vector.on.includes(letter))
        .map(([, by]) => [`${vector.id} ${vector.tool} ${vector.note ?? ''} by ${by}`, vector, by] as const),
    );
}

async function holds(vector: Observed, transport: 'stdio' | 'http'): Promise<void> {
  const outcome = await run(vector, transport);

  expectAsked(vector);
  expectTracked(vector, transport);
  expectResult(vector, outcome);
}

const tools = [
  'list-gpu-types [RPR-01]',
  'list-data-centers [RPR-02]',
  'list-cpu-types [RPR-03]',
  'get-gpu-type [RPR-04]',
  'get-cpu-type [RPR-05]',
  'get-capacity [RPR-06]',
  'get-data-center [RPR-07]',
  'list-hub-repos [RPR-08]',
  'deploy-hub-repo [RPR-09]',
  'list-public-endpoints [RPR-10]',
  'list-pods [RPR-11]',
  'get-pod [RPR-12]',
  'create-pod [RPR-13]',
  'update-pod [RPR-14]',
  'start-pod [RPR-15]',
  'stop-pod [RPR-16]',
  'restart-pod [RPR-17]',
  'stream-pod-logs [RPR-18]',
  'delete-pod [RPR-19]',
  'list-endpoints [RPR-20]',
  'get-endpoint [RPR-21]',
  'create-endpoint [RPR-22]',
  'update-endpoint [RPR-23]',
  'delete-endpoint [RPR-24]',
  'list-endpoint-releases [RPR-25]',
  'list-endpoint-workers [RPR-26]',
  'stream-worker-logs [RPR-27]',
  'set-endpoint-gpus [RPR-28]',
  'run-endpoint [RPR-29]',
  'runsync-endpoint [RPR-30]',
  'get-job-status [RPR-31]',
  'stream-job [RPR-32]',
  'cancel-job [RPR-33]',
  'retry-job [RPR-34]',
  'endpoint-health [RPR-35]',
  'list-templates [RPR-37]',
  'get-template [RPR-38]',
  'create-template [RPR-39]',
  'update-template [RPR-40]',
  'delete-template [RPR-41]',
  'list-network-volumes [RPR-42]',
  'get-network-volume [RPR-43]',
  'create-network-volume [RPR-44]',
  'update-network-volume [RPR-45]',
  'delete-network-volume [RPR-46]',
  'list-container-registry-auths [RPR-47]',
  'get-container-registry-auth [RPR-48]',
  'create-container-registry-auth [RPR-49]',
  'delete-container-registry-auth [RPR-50]',
  'list-registry-delegations [RPR-51]',
  'create-registry-delegation [RPR-52]',
  'delete-registry-delegation [RPR-53]',
  'get-billing [RPR-54]',
];

describe.each(tools)('%s', (title) => {
  const [name = ''] = title.split(' ');

  it.each(titled(({ tool, edition }) => tool === name && edition === undefined))(
    'asks the platform and answers as Runpod’s own server: %s [RP-82]',
    (_, vector, transport) => holds(vector, transport),
  );
});

it('has no tool of edition 3 that was seen and is not in the table [RP-80][RP-81][RPB-12]', () => {
  const seenTools = new Set(cases.filter(({ edition }) => edition === undefined).map(({ tool }) => tool));

  expect([...seenTools].sort()).toEqual(tools.map((title) => title.split(' ')[0]).sort());
});

describe('edition 4', () => {
  it.each(titled(({ edition }) => edition === '4.0.0'))(
    'asks the platform and answers as Runpod’s own server: %s [RP-82]',
    (_, vector, transport) => holds(vector, transport),
  );
});

it('keeps what a bare list of a stream brought', async () => {
  for (const id of ['rp-3x-0223', 'rp-3x-0490', 'rp-3x-0491']) {
    const vector = vectors.find((one) => one.id === id);
    if (vector === undefined) throw new Error(`${id} is not there`);

    const { body } = await run(vector, 'http');

    expect(body, id).toMatchObject({ stream: [{ output: 'a' }, {}, {}] });
  }
});

it('keeps an id in one segment of the path', async () => {
  const vector = vectors.find(({ id }) => id === 'rp-3x-0358');
  if (vector === undefined) throw new Error('it is not there');

  const { error } = await run(vector, 'http');

  expect(seen.map(({ url }) => url)).toEqual(['{rest_v2}/pods/a%2Fb%20c%3Fd']);
  expect(error?.upstreamStatus).toBe(404);
});

it('believes nothing where the platform answers no list', async () => {
  for (const id of ['rp-3x-0079', 'rp-3x-0347', 'rp-3x-0353']) {
    const vector = vectors.find((one) => one.id === id);
    if (vector === undefined) throw new Error(`${id} is not there`);

    const { error } = await run(vector, 'http');

    expect(error?.code, id).toBe('upstream_malformed');
  }
});
