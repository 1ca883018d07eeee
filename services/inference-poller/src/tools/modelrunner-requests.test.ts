import { type JsonObject, maxShortBytes } from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import type { JobView } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { bob, type CallSettings, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  world.platform.slug = 'modelrunner';
  await world.addReplica();
});
afterEach(() => world.close());

function call(name: string, args: JsonObject, settings: CallSettings = {}) {
  const tool = toolOf(`modelrunner/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  return world.show(tool, args, settings);
}

async function submit(args: JsonObject = {}, settings: CallSettings = {}): Promise<string> {
  const { structuredContent, text } = await call(
    'run_model',
    { endpoint: 'acme/draw', input: {}, ...args },
    settings,
  );
  if (typeof structuredContent.requestId !== 'string') throw new Error(text);
  return structuredContent.requestId;
}

const pictures = (count: number) =>
  succeeded('', {
    outputs: Array.from({ length: count }, (_, at) => ({
      kind: 'text' as const,
      contentType: 'text/plain',
      text: `output ${at}`,
    })),
  });
const failed = (upstreamStatus: string) => ({
  status: 'failed' as const,
  upstreamStatus,
  error: { code: 'generate_failed' as const, message: 'no luck' },
});

describe('run_model', () => {
  it('returns a requestId at once, whatever the client would wait, and the call that waits [MR-21][MR-22]', async () => {
    const { structuredContent, text, isError } = await call('run_model', {
      endpoint: 'bytedance/sdxl-lightning-4step',
      input: { prompt: 'a fox' },
      metadata: { team: 'a' },
    });

    expect(isError).toBe(false);
    expect(structuredContent).toEqual({
      requestId: expect.stringMatching(/^run_/),
      status: 'IN_QUEUE',
      modelEndpoint: 'bytedance/sdxl-lightning-4step',
      hint: `wait_for_request(requestId="${structuredContent.requestId}")`,
    });
    expect(text).toContain(
      `Request ${structuredContent.requestId}: IN_QUEUE (bytedance/sdxl-lightning-4step)`,
    );
    const row = await world.row(String(structuredContent.requestId));
    expect(row).toMatchObject({ model: 'modelrunner/bytedance/sdxl-lightning-4step' });
    expect(JSON.parse(row.metadata)).toEqual({ team: 'a' });
  });

  it('tells what is wrong with the input, with the status of its API, and runs nothing', async () => {
    const { structuredContent, text, isError } = await call('run_model', {
      endpoint: 'acme/draw',
      input: { bad: true },
    });

    expect(isError).toBe(true);
    expect(structuredContent.error).toMatchObject({ code: 'validation_failed', details: { status: 400 } });
    expect(text).toContain('bad: is not allowed');
    expect(world.platform.submitCount).toBe(0);
  });

  it('says what a model needs to whoever sends no input, and refuses what it does not know', async () => {
    expect((await call('run_model', { endpoint: 'acme/prompted' })).text).toContain('prompt: is required');
    expect((await call('run_model', { endpoint: 'acme/draw', input: {}, model: 'x' })).text).toContain(
      'model',
    );
  });

  it('answers an unknown endpoint as its API does, by the name that was given', async () => {
    const { structuredContent, text } = await call('run_model', { endpoint: 'acme/none', input: {} });

    expect(structuredContent.error).toMatchObject({ code: 'model_not_found', details: { status: 404 } });
    expect(text).not.toContain('modelrunner/');
  });
});

describe('get_request', () => {
  it('tells the status now, then the output and what was charged [MR-24][MR-29]', async () => {
    const id = await submit();
    const before = await call('get_request', { requestId: id });
    world.platform.endsAs = pictures(2);
    await world.ended(id);

    const after = await call('get_request', { requestId: id });

    expect(before.structuredContent).toMatchObject({ id, billingStatus: 'pending' });
    expect(['IN_QUEUE', 'IN_PROGRESS']).toContain(before.structuredContent.status);
    expect(before.text).toContain(`Next: wait_for_request(requestId="${id}")`);
    expect(after.structuredContent).toMatchObject({
      id,
      modelEndpoint: 'acme/draw',
      status: 'COMPLETED',
      billingStatus: 'charged',
      output: ['output 0', 'output 1'],
      totalPrice: '0.07000000',
      createdAt: expect.stringMatching(/Z$/),
      inferenceTime: expect.any(Number),
    });
    for (const fact of [id, 'COMPLETED', 'charged', 'acme/draw', 'output 0', 'output 1', '$0.07'])
      expect(after.text).toContain(fact);
  });

  it('has every output, however many, since nothing else has the rest of them [MR-29]', async () => {
    const id = await submit();
    world.platform.endsAs = pictures(30);
    await world.ended(id);

    expect((await call('get_request', { requestId: id })).structuredContent.output).toHaveLength(30);
  });

  it.each([
    ['COMPLETED', 'COMPLETED'],
    ['FAILED', 'FAILED'],
    ['GIVEN_UP', 'FAILED'],
  ])(
    'tells a generation that the platform ended as %s as %s with a bill that failed (MRD-03)',
    async (upstream, word) => {
      const id = await submit();
      world.platform.endsAs = failed(upstream);
      await world.ended(id);

      const { structuredContent, text, isError } = await call('get_request', { requestId: id });

      expect(isError).toBe(false);
      expect(structuredContent).toMatchObject({
        status: word,
        billingStatus: 'failed',
        error: { code: 'generate_failed', message: 'no luck' },
      });
      expect(structuredContent).not.toHaveProperty('output');
      expect(text).toContain('Failed: [generate_failed] no luck');
    },
  );

  it('knows no request of somebody else [MR-34]', async () => {
    const id = await submit();

    const others = await call('get_request', { requestId: id }, { principal: bob });
    const none = await call('get_request', { requestId: 'run_none' }, { principal: bob });

    expect(others.structuredContent.error).toMatchObject({
      code: 'request_not_found',
      details: { status: 404 },
    });
    expect(others.structuredContent).toEqual(none.structuredContent);
  });

  it('tells a success with outputs missing as billed in part', async () => {
    const id = await submit();
    world.platform.endsAs = { ...pictures(1), isPartial: true };
    await world.ended(id);

    expect((await call('get_request', { requestId: id })).structuredContent).toMatchObject({
      status: 'COMPLETED',
      billingStatus: 'partial',
    });
  });
});

describe('wait_for_request', () => {
  const clock = { defaultSeconds: 1, maxSeconds: 600 };

  it('returns as soon as the request has ended, with its output [MR-25][MR-28][MR-29]', async () => {
    const id = await submit();
    const waiting = call('wait_for_request', { requestId: id, timeoutSeconds: 60, pollIntervalSeconds: 30 });
    await world.reached(id, 'running');
    world.platform.endsAs = pictures(1);

    const { structuredContent } = await waiting;

    expect(structuredContent).toMatchObject({ status: 'COMPLETED', output: ['output 0'] });
    expect(structuredContent).not.toHaveProperty('waitedSeconds');
  });

  it('says plainly that the client let it wait for less than was asked, and that the request goes on [MR-25]', async () => {
    const id = await submit();

    const { structuredContent, text, isError } = await call(
      'wait_for_request',
      { requestId: id },
      { wait: { defaultSeconds: 0, maxSeconds: 0 } },
    );

    const said = `The wait ended after 0 s of the 120 asked for, before this client gives up on the call. The request goes on: call wait_for_request(requestId="${id}") again.`;
    expect(isError).toBe(false);
    expect(text).toContain(said);
    expect(structuredContent).toMatchObject({ waitedSeconds: 0, hint: said });
    expect(['IN_QUEUE', 'IN_PROGRESS']).toContain(structuredContent.status);
  });

  it('says that it has waited as long as was asked', async () => {
    const id = await submit();

    const { structuredContent, text } = await call(
      'wait_for_request',
      { requestId: id, timeoutSeconds: 0.4 },
      { wait: clock },
    );

    expect(structuredContent).toMatchObject({ waitedSeconds: 1 });
    expect(text).toContain('It has not ended within 1 s. The request goes on');
  });

  it.each([
    [{}, 120],
    [{ timeoutSeconds: '45' }, 45],
    [{ timeoutSeconds: 600 }, 600],
    [{ timeoutSeconds: 100_000 }, 600],
    [{ timeoutSeconds: 0 }, 0],
  ])('asked %j waits %i s at most [MR-26][MR-27][MR-28]', (args, seconds) => {
    const tool = toolOf('modelrunner/wait_for_request');
    const given = tool?.input.parse({
      requestId: 'run_1',
      ...args,
      ...('timeoutSeconds' in args && { timeoutSeconds: Number(args.timeoutSeconds) }),
    });

    expect(tool?.waitSeconds?.({ requestId: 'run_1', ...args })).toBe(seconds);
    expect(tool?.toInput?.(given ?? {}, { args: given, words: tool.profile.words })).toMatchObject({
      wait_seconds: seconds,
    });
  });

  it('takes a wait below nothing for a mistake', async () => {
    const id = await submit();

    expect((await call('wait_for_request', { requestId: id, timeoutSeconds: -1 })).text).toContain(
      'timeoutSeconds',
    );
  });
});

describe('list_my_requests', () => {
  it("lists the caller's own requests, newest first, page by page [MR-34][MR-35]", async () => {
    const ids: string[] = [];
    for (let at = 0; at < 5; at++) {
      ids.push(await submit());
      world.skipped += 1;
    }
    await submit({}, { principal: bob });

    const first = await call('list_my_requests', { limit: 2 });
    const third = await call('list_my_requests', { limit: 2, page: 3 });

    expect(idsOf(first)).toEqual([ids[4], ids[3]]);
    expect(first.structuredContent).toMatchObject({ page: 1, limit: 2, total: 5, totalPages: 3 });
    expect(idsOf(third)).toEqual([ids[0]]);
    expect(first.text).toContain('Page 1 of 3, 5 in all.');
  });

  it('filters by status in its own words, model and tags [MR-35][MRD-02]', async () => {
    const queued = await submit({ endpoint: 'acme/other', metadata: { team: 'a' } });
    world.platform.endsAs = undefined;
    const endAs = async (view: JobView, args: JsonObject = {}) => {
      const id = await submit(args);
      await world.reached(id, 'running');
      for (const job of world.platform.jobs.values()) if (job.runId === id) job.view = view;
      await world.ended(id);
      world.skipped += 1;
      return id;
    };
    const done = await endAs(pictures(1), { metadata: { team: 'b' } });
    const bad = await endAs(failed('COMPLETED'));
    const gone = await endAs(failed('FAILED'));
    const list = async (args: JsonObject) => idsOf(await call('list_my_requests', args));

    await vi.waitFor(async () => expect(await list({ status: 'IN_PROGRESS' })).toEqual([queued]));
    expect(await list({ status: 'COMPLETED' })).toEqual([bad, done]);
    expect(await list({ status: 'FAILED' })).toEqual([gone]);
    expect(await list({ status: 'CANCELLED' })).toEqual([]);
    expect(await list({ modelEndpoint: 'acme/other' })).toEqual([queued]);
    expect(await list({ metadata: { team: 'b' } })).toEqual([done]);
    expect((await call('list_my_requests', { status: 'succeeded' })).text).toContain('COMPLETED');
  });

  it('has every request of a page in a kilobyte, and all of each where a limit is given', async () => {
    world.platform.endsAs = pictures(3);
    for (let at = 0; at < 12; at++)
      await world.ended(await submit({ endpoint: `acme/${'long-name-'.repeat(8)}` }));

    const short = await call('list_my_requests', {});
    const whole = await call('list_my_requests', { limit: 10 });

    expect(idsOf(short)).toHaveLength(10);
    expect(Buffer.byteLength(short.text)).toBeLessThanOrEqual(maxShortBytes);
    expect(Buffer.byteLength(JSON.stringify(short.structuredContent))).toBeLessThanOrEqual(maxShortBytes);
    expect(JSON.stringify(whole.structuredContent)).toContain('0.07000000');
    expect(JSON.stringify(whole.structuredContent)).toContain('output 0');
  });
});

function idsOf({ structuredContent }: { structuredContent: JsonObject }): string[] {
  // as: list_my_requests lists requests in `data`.
  return (structuredContent.data as { id: string }[]).map(({ id }) => id);
}
