import { AppError, getRun } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

async function startedRun(args = {}): Promise<string> {
  return (await world.run({ wait_seconds: 0, ...args })).run?.run_id ?? '';
}

describe('get_run', () => {
  it('finds a run by its id or its client_ref', async () => {
    const runId = await startedRun({ client_ref: 'mine' });

    const byRef = await world.call(getRun, { client_ref: 'mine' });

    expect((await world.get(runId)).run?.run_id).toBe(runId);
    expect(byRef.run?.run_id).toBe(runId);
  });

  it('wants exactly one of run_id and client_ref', async () => {
    const runId = await startedRun();

    expect((await world.get(runId, { client_ref: 'x' })).error?.code).toBe('validation_failed');
    expect((await world.get(runId, { run_id: undefined })).error?.code).toBe('validation_failed');
  });

  it("answers somebody else's run like one that does not exist", async () => {
    const runId = await startedRun();

    const theirs = await world.get(runId, {}, { principal: bob });
    const none = await world.get('run_none', {}, { principal: bob });

    expect(theirs.error).toEqual(none.error);
    expect(theirs.error?.code).toBe('run_not_found');
  });

  it('waits for the end with wait_seconds', async () => {
    const runId = await startedRun();
    const answered = world.get(runId, { wait_seconds: 10 });
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    world.platform.set(runId, succeeded('late'));

    expect((await answered).run).toMatchObject({ status: 'succeeded', outputs: [{ text: 'late' }] });
  });

  it('notices the end also when every event is lost', async () => {
    const runId = await startedRun();
    world.losesEvents = true;
    const answered = world.get(runId, { wait_seconds: 10 });
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    world.platform.set(runId, succeeded());

    expect((await answered).run?.status).toBe('succeeded');
  });

  it('describes why a run failed and is no error itself', async () => {
    world.platform.endsAs = {
      status: 'failed',
      upstreamStatus: 'FAILED',
      error: { code: 'upstream_failed', message: 'Out of memory.' },
    };
    const runId = await startedRun();

    const { run, error, isError } = await world.get(runId, { wait_seconds: 10 });

    expect(isError).toBe(false);
    expect(run?.status).toBe('failed');
    expect(error).toMatchObject({ code: 'upstream_failed', message: 'Out of memory.' });
  });

  it('shows input, logs, timeline and raw payload on request', async () => {
    world.platform.endsAs = succeeded('x', { logs: ['loading', 'done'], raw: { secondsBilled: 3 } });
    const runId = await startedRun({ input: { seed: 7 } });
    await world.ended(runId);

    const reply = await world.get(runId, { include: ['input', 'logs', 'events', 'raw'] });

    expect(reply.input).toEqual({ seed: 7 });
    expect(reply.logs).toEqual(['loading', 'done']);
    expect(reply.raw).toEqual({ secondsBilled: 3 });
    expect(reply.events).toMatchObject([
      { status: 'queued', note: 'accepted' },
      { note: 'submitting' },
      { status: 'running' },
      { status: 'running' },
      { status: 'succeeded' },
    ]);
    expect(reply.run?.outputs).toBeUndefined();
  });

  it('pages a long text by offset', async () => {
    const whole = Array.from({ length: 2_000 }, (_, index) => `w${index}`).join(' ');
    world.platform.endsAs = succeeded(whole);
    const runId = await startedRun();
    await world.ended(runId);

    let text = '';
    for (let offset: unknown = 0; typeof offset === 'number'; ) {
      const page = await world.get(runId, { offset, max_chars: 1_000 });
      text += page.run?.outputs?.[0]?.text;
      expect(page.run?.outputs?.[0]?.truncated).toBe(page.next_offset === undefined ? undefined : true);
      offset = page.next_offset;
    }

    expect(text).toBe(whole);
  });

  it('keeps the answer of run_model below a kilobyte of text', async () => {
    world.platform.endsAs = succeeded('x'.repeat(50_000));

    const { text } = await world.run();

    expect(text.length).toBeLessThan(1_024);
  });

  it('says that the provider is not ready', async () => {
    world.platform.ready = { isReady: false, note: 'Set SCRIPTED_KEY.' };
    const runId = await startedRun();

    expect((await world.get(runId)).diagnosis).toContain('Set SCRIPTED_KEY.');
  });

  it('says that the platform has no room', async () => {
    world.platform.submitScripts = Array.from({ length: 500 }, () => () => {
      throw new AppError('busy', 'No room.');
    });
    const runId = await startedRun();

    await vi.waitFor(async () => expect((await world.get(runId)).diagnosis).toContain('has had no room'));
  });

  it('says that polls fail', async () => {
    world.platform.pollErrors = Array.from({ length: 500 }, () => new Error('no network'));
    const runId = await startedRun();

    await vi.waitFor(async () => expect((await world.get(runId)).diagnosis).toMatch(/last \d+ polls failed/));
  });

  it('has no diagnosis for a run that goes well', async () => {
    const runId = await startedRun();

    expect((await world.get(runId)).diagnosis).toBeUndefined();
  });
});

describe('a run that is long', () => {
  const sizeOf = ({ text, ...structured }: Record<string, unknown>) => [
    Buffer.byteLength(String(text)),
    Buffer.byteLength(JSON.stringify(structured)),
  ];

  it.each(['x', 'é', '漢', '"', '\n', '😀'])(
    'is shown within a kilobyte of text and of structure: %j',
    async (mark) => {
      world.platform.endsAs = succeeded(mark.repeat(20_000));

      const ran = await world.run();
      const read = await world.get(ran.run?.run_id ?? '');

      for (const reply of [ran, read]) {
        for (const size of sizeOf(reply)) expect(size).toBeLessThanOrEqual(1_024);
      }
      const shown = ran.run?.outputs?.[0]?.text ?? '';
      expect(shown.length).toBeGreaterThan(50);
      expect(ran.run?.next_action).toContain(`offset=${shown.length}`);
      expect(ran.text).toContain(ran.run?.next_action);
      expect(read.next_offset).toBe(shown.length);
    },
  );

  it('goes on where the first call stopped, in one more call', async () => {
    const whole = Array.from({ length: 1_500 }, (_, at) => `word${at}`).join(' ');
    world.platform.endsAs = succeeded(whole);

    const { run } = await world.run();
    const [, offset, maxChars] = /offset=(\d+), max_chars=(\d+)/.exec(run?.next_action ?? '') ?? [];
    const rest = await world.get(run?.run_id ?? '', { offset: Number(offset), max_chars: Number(maxChars) });

    expect(`${run?.outputs?.[0]?.text}${rest.run?.outputs?.[0]?.text}`).toBe(whole);
  });

  it('shows the first of many outputs, and the call for all of them', async () => {
    const picture = { kind: 'image' as const, contentType: 'image/png', bytes: Buffer.from('png') };
    world.platform.endsAs = succeeded('', { outputs: Array(12).fill(picture) });

    const ran = await world.run();
    const all = await world.get(ran.run?.run_id ?? '', { include: ['outputs'] });

    for (const size of sizeOf(ran)) expect(size).toBeLessThanOrEqual(1_024);
    expect(ran.run?.outputs?.length).toBeGreaterThan(1);
    expect(ran.run?.next_action).toContain('for all 12 outputs');
    expect(all.run?.outputs).toHaveLength(12);
  });

  it('has the ids of the platform for whoever asks', async () => {
    const ran = await world.run();
    const asked = await world.get(ran.run?.run_id ?? '', { include: ['upstream'] });

    expect(ran.run?.upstream).toBeUndefined();
    expect(asked.run?.upstream).toMatchObject({ provider: 'scripted', request_id: expect.any(String) });
  });
});
