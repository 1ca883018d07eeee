import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CallOutcome, type CallRequest, callTool, errorOf, runOf } from './support/mcp-http.ts';
import { type ScriptedCluster, startScriptedCluster, unlimited } from './support/scripted-cluster.ts';

/** What a frozen replica may cost a caller, beside what the same moment costs a caller of the others. */
const mostMs = 3_000;
/** By then an instance that says nothing has been passed over. */
const noticeableMs = 800;

let scripted: ScriptedCluster;
const frozen: number[] = [];

beforeAll(async () => {
  scripted = await startScriptedCluster({ replicas: 2, auth: 'none', env: unlimited });
}, 120_000);

afterEach(() => {
  for (const pid of frozen.splice(0)) process.kill(pid, 'SIGCONT');
});

afterAll(() => scripted?.stop(), 60_000);

/** Stopped as by a debugger, a paused machine or a hypervisor: every connection stays open. */
function freeze(service: Parameters<ScriptedCluster['cluster']['of']>[0]): void {
  const pid = scripted.cluster.of(service)[0]?.pid;
  if (pid === undefined) throw new Error(`${service} does not run`);
  process.kill(pid, 'SIGSTOP');
  frozen.push(pid);
}

const call = (request: Omit<CallRequest, 'timeoutMs'>) =>
  callTool(scripted.cluster.url, { ...request, timeoutMs: 100_000 });

/** An outcome, and how much longer it took than one of a service that is well, asked at the same time. */
type Compared = CallOutcome & { laterMs: number };

async function callMany(
  count: number,
  request: (index: number) => Omit<CallRequest, 'timeoutMs'>,
): Promise<Compared[]> {
  const outcomes: Compared[] = [];
  for (let at = 0; at < count; at += 4) {
    const some = Array.from({ length: 4 }, (_, index) => call(request(at + index)));
    const beside = call(request(at).tool === 'create_upload' ? ofTheCatalog : ofUpload);
    const [{ tookMs: usualMs }, ...found] = await Promise.all([beside, ...some]);
    outcomes.push(...found.map((outcome) => ({ ...outcome, laterMs: outcome.tookMs - usualMs })));
  }
  return outcomes;
}

const ofTheCatalog = { tool: 'get_model', args: { model: 'scripted/job' } };
const ofUpload = { tool: 'create_upload', args: { file_name: 'beside.txt', size: 3 } };

function expectHardlyNoticed(outcomes: readonly Compared[]): void {
  const refused = outcomes.filter(({ isError }) => isError);
  expect(refused.map((outcome) => errorOf(outcome)?.code)).toEqual([]);
  expect(Math.max(...outcomes.map(({ laterMs }) => laterMs))).toBeLessThan(mostMs);
  // Once it is known, hardly anybody meets it.
  expect(outcomes.filter(({ laterMs }) => laterMs > noticeableMs).length).toBeLessThan(outcomes.length / 4);
}

describe('one of two replicas that stands still costs a caller less than three seconds', () => {
  it.each([
    ['inference-poller', () => ({ tool: 'list_runs', args: { limit: 5 } })],
    ['catalog', () => ({ tool: 'get_model', args: { model: 'scripted/job' } })],
    ['upload', () => ({ tool: 'create_upload', args: { file_name: 'a.txt', size: 3 } })],
    ['auth', () => ({ tool: 'get_account', args: {} })],
  ] as const)('%s', async (service, request) => {
    await call(request());
    freeze(service);

    expectHardlyNoticed(await callMany(60, request));
  });

  it('and starts no run twice, whoever had taken the call', async () => {
    freeze('inference-poller');
    const start = (index: number) => ({
      tool: 'run_model',
      args: {
        model: 'scripted/job',
        input: { duration_ms: 300 },
        client_ref: `frozen-${index}`,
        wait_seconds: 0,
      },
    });
    const unnamed = (index: number) => ({
      tool: 'run_model',
      args: { model: 'scripted/job', input: { duration_ms: 300, text: `unnamed-${index}` }, wait_seconds: 0 },
    });

    const outcomes = [...(await callMany(20, start)), ...(await callMany(20, unnamed))];
    for (const pid of frozen.splice(0)) process.kill(pid, 'SIGCONT');

    expectHardlyNoticed(outcomes);
    const ids = outcomes.map((outcome) => runOf(outcome)?.run_id ?? 'missing');
    await expect
      .poll(
        async () => {
          const runs = await Promise.all(ids.map((id) => call({ tool: 'get_run', args: { run_id: id } })));
          return runs.filter((outcome) => runOf(outcome)?.status === 'succeeded').length;
        },
        { timeout: 100_000, interval: 500 },
      )
      .toBe(ids.length);
    expect(ids.map((id) => scripted.upstream.submissions().get(id))).toEqual(ids.map(() => 1));
    const listed = await call({ tool: 'list_runs', args: { limit: 100 } });
    expect((listed.structured.items as unknown[]).length).toBe(ids.length);
  }, 180_000);

  it('and a wait goes on at the other replica', async () => {
    const started = await call({
      tool: 'run_model',
      args: { model: 'scripted/job', input: { duration_ms: 8_000 }, wait_seconds: 0 },
    });
    const runId = runOf(started)?.run_id ?? '';
    // A poller that stands still before its call has left keeps the run for as long as an earlier call may be taken: that is
    // another matter (`paid-once.test.ts`).
    const status = async () => runOf(await call({ tool: 'get_run', args: { run_id: runId } }))?.status;
    await expect.poll(status, { timeout: 30_000, interval: 50 }).toBe('running');
    const follow = async (): Promise<CallOutcome> => {
      const outcome = await call({ tool: 'get_run', args: { run_id: runId, wait_seconds: 30 } });
      return runOf(outcome)?.status === 'running' ? follow() : outcome;
    };
    const waits = Array.from({ length: 8 }, follow);
    // Wherever each of them is by then, on its way or held.
    await call({ tool: 'get_run', args: { run_id: runId } });
    freeze('inference-poller');

    const outcomes = await Promise.all(waits);

    expect(outcomes.map((outcome) => runOf(outcome)?.status)).toEqual(waits.map(() => 'succeeded'));
  }, 180_000);
});
