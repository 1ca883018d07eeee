import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeStub, type Observed, openStub, run, seen, shared } from './observed-calls.fixture.ts';
import type { Edition } from './wire.ts';

beforeAll(openStub);
afterAll(closeStub);

/** Beside what was seen: values and replies of the same kinds. */
describe('calls beside those that were seen', () => {
  const ask = async (
    [tool, args]: readonly [string, Record<string, unknown>],
    answers: readonly (readonly [status: number, body: unknown, headers?: Record<string, string>])[],
    edition: Edition = '4.0.0',
  ) => {
    const bodies = answers.map(([status, body, headers = {}]) => {
      shared.push(body);
      return [status, { 'content-type': 'application/json', ...headers }, shared.length - 1] as const;
    });
    const told = { id: 'own', rest: 'v2', on: 'h', edition, replies: bodies.map((one) => [...one]) };
    const { body, error, isError } = await run({ ...told, tool, args } as Observed, 'http');
    return { body, error, isError, asked: seen.map(({ method, url }) => `${method} ${url}`) };
  };
  const listings = { data: { listings: [{ id: 'l', repoName: 'w', repoOwner: 'o', type: 'SERVERLESS' }] } };

  it('leave a filter out that is empty', async () => {
    for (const name of ['category', 'type', 'repoOwner', 'searchTerm']) {
      const { body } = await ask(['list-hub-repos', { [name]: '' }], [[200, listings]], '3.4.0');

      expect(body, name).toMatchObject({ pagination: { total: 1 } });
    }
  });

  it('take the usual limit for one that is none, where no types are checked', async () => {
    for (const limit of [0, -1, 'x']) {
      const { body } = await ask(['list-hub-repos', { limit }], [[200, listings]]);

      expect(body).toMatchObject({ pagination: { returned: 1, nextCursor: null } });
    }
  });

  it('ask the control plane again after an outage where nothing can be done twice, and never otherwise', async () => {
    const down = [503, { detail: 'down' }] as const;
    const counts = await Promise.resolve().then(async () => [
      (await ask(['list-pods', {}], [down, down, [200, { pods: [] }]])).asked.length,
      (await ask(['delete-pod', { id: 'p' }], [down, [204, null]])).asked.length,
      (await ask(['list-pods', {}], [[501, { detail: 'none' }]])).asked.length,
      (await ask(['list-pods', {}], [[503, { detail: 'later' }, { 'retry-after': '60' }]])).asked.length,
      (
        await ask(
          ['list-pods', {}],
          [
            [429, {}, { 'retry-after': '1' }],
            [200, { pods: [] }],
          ],
        )
      ).asked.length,
      (
        await ask(
          ['create-pod', { body: { name: 'n' } }],
          [
            [429, {}],
            [201, {}],
          ],
        )
      ).asked.length,
      (await ask(['create-pod', { body: { name: 'n' } }], [down, [201, {}]])).asked.length,
      (await ask(['list-pods', {}], [down, [200, { pods: [] }]], '3.4.0')).asked.length,
    ]);

    expect(counts).toEqual([3, 2, 1, 1, 2, 1, 1, 1]);
  });

  it('say what the platform said in edition 4: of GraphQL as text, of a limit with how long to wait [RPB-07]', async () => {
    const gone = await ask(['list-hub-repos', {}], [[409, { errors: ['e'] }]]);
    const limited = await ask(
      ['run-endpoint', { endpointId: 'e', input: {} }],
      [[429, { detail: 'slow' }, { 'retry-after': '7' }]],
    );
    const lost = await ask(['run-endpoint', { endpointId: 'e', input: {} }], [[500, { error: 'x' }]]);

    expect(gone.body).toEqual({ error: expect.any(String), detail: '{"errors":["e"]}' });
    expect(limited.body).toMatchObject({ detail: { detail: 'slow', hint: 'Wait 7 s, then call again.' } });
    expect(lost.body).toMatchObject({
      error: expect.stringContaining('did not say'),
      detail: { error: 'x' },
    });
    expect([gone.isError, limited.isError, lost.isError]).toEqual([true, true, true]);
  });

  it('bring the arguments of a log within their bounds in edition 4 [RPB-11]', async () => {
    const { asked } = await ask(
      ['stream-pod-logs', { podId: 'p', source: 'nope', tail: -1, maxWaitMs: 100 }],
      [[200, '', { 'content-type': 'text/event-stream' }]],
    );

    expect(asked).toEqual(['GET {rest_v2}/pods/p/logs?tail=0']);
  });

  it('empty a queue in edition 3 as well: purge-endpoint-queue [RPR-36]', async () => {
    const told = [[200, { removed: 2, status: 'completed' }]] as const;
    const { body, asked } = await ask(['purge-endpoint-queue', { endpointId: 'e' }], told, '3.4.0');

    expect(asked).toEqual(['POST {serverless}/e/purge-queue']);
    expect(body).toEqual({ removed: 2, status: 'completed' });
  });

  it('are done where the runtime says nothing of it', async () => {
    const { body, isError } = await ask(['cancel-job', { endpointId: 'e', jobId: 'j' }], [[204, null]]);

    expect([body, isError]).toEqual([{}, false]);
  });

  const pod = { name: 'n', imageName: 'i', gpuTypeIds: ['X'] };
  const v1 = (tool: string, args: Record<string, unknown>) =>
    run({ id: 'own', tool, rest: 'v1', on: 'h', args } as Observed, 'http');

  it('say that they are of version 2 alone, under version 1 [RP-68][RPB-03]', async () => {
    for (const tool of ['list-cpu-types', 'get-gpu-type', 'restart-pod', 'stream-pod-logs', 'get-billing']) {
      const { body, isError } = await v1(tool, { podId: 'p', gpuTypeId: 'g' });

      expect([body, isError, seen], tool).toEqual([
        { error: expect.stringContaining('version 2'), status: 501 },
        true,
        [],
      ]);
    }
  });

  it('make an endpoint of an image and pools on version 2, and of a template on version 1 [RP-69][RP-70]', async () => {
    const made = await ask(
      ['create-endpoint', { name: 'e', imageName: 'i', gpuPoolIds: ['ADA_24'] }],
      [[201, { id: 'e1' }]],
      '3.4.0',
    );
    const old = await ask(['create-endpoint', { templateId: 't' }], [], '3.4.0');

    expect(made.asked).toEqual(['POST {rest_v2}/serverless']);
    expect([old.isError, old.body, old.asked]).toEqual([
      true,
      { error: expect.any(String), status: 400 },
      [],
    ]);
  });

  it('make a pod without a GPU by version 1 and mark it, and none of no kind [RP-71][RP-72]', async () => {
    const { gpuTypeIds: _, ...bare } = pod;
    const cpu = await ask(['create-pod', { ...bare, computeType: 'CPU' }], [[201, { id: 'p1' }]], '3.4.0');
    const none = await ask(['create-pod', bare], [], '3.4.0');

    expect(cpu.asked).toEqual(['POST {rest_v1}/pods']);
    expect(cpu.body).toMatchObject({ id: 'p1', _servedBy: 'v1' });
    expect([none.isError, none.asked]).toEqual([true, []]);
  });

  it('wait no longer over HTTP than whatever stands between lets them [RPB-09]', async () => {
    const going = { id: 'j', status: 'IN_PROGRESS' };
    const args = { endpointId: 'e', input: {}, wait: 300_000 };
    const { body, asked } = await ask(['runsync-endpoint', args], [[200, going]], '3.4.0');

    expect(asked).toEqual(['POST {serverless}/e/runsync?wait=45000']);
    expect(body).toMatchObject({ waitClamped: { requestedMs: 300_000, effectiveMs: 45_000 } });
  });

  it('are jobs of the runtime whatever the version says [RP-67]', async () => {
    for (const rest of ['v1', 'v2', 'auto']) {
      const vector = { id: 'own', tool: 'endpoint-health', rest, on: 'h', args: { endpointId: 'e' } };
      await run(vector as Observed, 'http');

      expect(
        seen.map(({ url }) => url),
        rest,
      ).toEqual(['{serverless}/e/health']);
    }
  });

  it('are of version 1 over HTTP where the version is auto, and ask once on stdio [RP-66]', async () => {
    shared.push({ gpus: [] }, []);
    const replied = [[200, {}, shared.length - 2] as [number, Record<string, string>, number]];
    const auto = { id: 'own', tool: 'list-pods', rest: 'auto', on: 'h', args: {}, replies: replied };
    await run(auto as Observed, 'http');
    const overHttp = seen.map(({ url }) => url);
    await run(auto as Observed, 'stdio');

    expect(overHttp).toEqual(['{rest_v1}/pods']);
    expect(seen.map(({ url }) => url)).toEqual(['{rest_v2}/catalog/gpus', '{rest_v2}/pods']);
  });

  it('are lists of 20 with an opaque cursor, at most 100 at once [RP-74][RPB-02]', async () => {
    const items = Array.from({ length: 130 }, (_, index) => ({ id: String(index) }));
    const pages = await Promise.resolve().then(async () => [
      (await ask(['list-pods', {}], [[200, { pods: items }]], '3.4.0')).body,
      (await ask(['list-pods', { limit: 100, cursor: 'MTAw' }], [[200, { pods: items }]], '3.4.0')).body,
      (await ask(['list-pods', { cursor: 'no cursor' }], [[200, { pods: items }]], '3.4.0')).body,
    ]);

    expect(pages).toMatchObject([
      { pagination: { total: 130, returned: 20, offset: 0, truncated: true, nextCursor: 'MjA=' } },
      { pagination: { total: 130, returned: 30, offset: 100, truncated: false, nextCursor: null } },
      { pagination: { offset: 0, returned: 20 } },
    ]);
  });

  it.each([
    ['1.5', 1],
    ['21 and more', 21],
    ['9999999999', 9_999_999_999],
    ['-1', 0],
    ['', 0],
    ['x5', 0],
  ])('begin where a cursor of %j says, as far as it is a number', async (text, offset) => {
    const cursor = Buffer.from(text).toString('base64');
    const { body } = await ask(['list-pods', { cursor }], [[200, { pods: [{ id: 'a' }] }]], '3.4.0');

    expect(body).toMatchObject({ pagination: { offset, total: 1 } });
  });

  const jobTools = [
    ...['run-endpoint', 'runsync-endpoint', 'endpoint-health', 'purge-endpoint-queue'],
    ...['get-job-status', 'stream-job', 'cancel-job', 'retry-job'],
  ];

  it.each(jobTools)('%s of edition 4 sends nothing for an endpoint whose id is none', async (tool) => {
    const more = tool.endsWith('-job') || tool === 'get-job-status' ? { jobId: 'j' } : {};
    const input = tool.startsWith('run') ? { input: {} } : {};
    for (const endpointId of ['a b', '', 7, { a: 1 }, ['x'], 'ü', '../x']) {
      const given = { endpointId, ...more, ...input };
      const { asked, isError } = await ask([tool, given], [[200, { id: 'j', status: 'COMPLETED' }]]);

      expect([endpointId, asked, isError]).toEqual([endpointId, [], true]);
    }
  });

  it.each([
    [{ gpuIds: 'A' }, { pools: ['A'], excludedTypes: [] }],
    [{ gpuIds: 'A, B,-Y' }, { pools: ['A', 'B'], excludedTypes: ['Y'] }],
    [
      { pools: ['A'], excludeGpuTypeIds: ['X'] },
      { pools: ['A'], excludedTypes: ['X'] },
    ],
    [
      { pools: ['A'], excludeGpuTypeIds: [] },
      { pools: ['A'], excludedTypes: [] },
    ],
    [
      { gpuIds: 'A', gpuCount: 2, minCudaVersion: '' },
      { pools: ['A'], excludedTypes: [], count: 2, minCudaVersion: '' },
    ],
  ])('set-endpoint-gpus of edition 4 replaces what is left out with the pools: %j', async (given, gpu) => {
    const endpoint = { id: 'e', name: 'n', gpu: { pools: ['Z'], excludedTypes: ['O'], count: 1 } };
    const told = [
      [200, endpoint],
      [200, endpoint],
    ] as const;
    await ask(['set-endpoint-gpus', { endpointId: 'e', ...given }], told);

    expect(seen.at(-1)).toMatchObject({ method: 'PATCH', body: { gpu } });
  });

  it.each([
    ['set-endpoint-gpus', { endpointId: 'e', gpuCount: 2 }],
    ['set-endpoint-gpus', { endpointId: 7, gpuIds: 'A' }],
    ['set-endpoint-gpus', { endpointId: { a: 1 }, gpuIds: 'A' }],
    ['set-endpoint-gpus', { endpointId: 'e', gpuIds: '-Y' }],
    ['set-endpoint-gpus', { endpointId: 'e', pools: ['A', 7] }],
    ['set-endpoint-gpus', { endpointId: 'e', pools: ['A'], excludeGpuTypeIds: 'X' }],
    ['set-endpoint-gpus', { endpointId: 'e', gpuIds: 'A', gpuCount: '2' }],
    ['set-endpoint-gpus', { endpointId: 'e', gpuIds: 'A', gpuCount: 0 }],
    ['set-endpoint-gpus', { endpointId: 'e', gpuIds: 'A', allowedCudaVersions: ['12.4'] }],
    ['set-endpoint-gpus', { endpointId: 'e', gpuIds: 'A', minCudaVersion: 'x' }],
    ['runsync-endpoint', { endpointId: 'e', input: {}, wait: '5000' }],
    ['get-capacity', { cudaVersions: '12.4' }],
    ['get-capacity', { gpuTypeIds: 'x' }],
    ['list-gpu-types', { product: {} }],
    ['list-gpu-types', { product: [{}] }],
  ])('%s of edition 4 sends nothing for arguments of another form: %j', async (tool, given) => {
    const { asked, isError, body } = await ask([tool, given], [[200, {}]]);

    expect([asked, isError]).toEqual([[], true]);
    expect(body).toMatchObject({ error: expect.any(String), hint: expect.any(String) });
  });

  it.each(['get-pod', 'delete-pod', 'delete-endpoint', 'get-template'])(
    '%s of edition 4 takes no object for an id',
    async (tool) => {
      for (const id of [{ a: 1 }, ['x']]) {
        const { asked, error } = await ask([tool, { id }], [[200, { id: 'x' }]]);

        expect([asked, error?.code]).toEqual([[], 'validation_failed']);
      }
    },
  );
});
