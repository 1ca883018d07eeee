import { type Principal, runViewUri, surfaceOf } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { bob, createWorld, type World } from '../testing/world.ts';

const surface = surfaceOf('inference');
let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

describe('runs as resources', () => {
  const read = (uri: string, principal?: Principal) => world.ask(surface.readResource, { uri }, principal);

  async function endedRun(): Promise<string> {
    const runId = (await world.run({ wait_seconds: 0 })).run?.run_id ?? '';
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    world.platform.set(runId, succeeded('the whole text'));
    await world.get(runId, { wait_seconds: 10 });
    return runId;
  }

  it('are the run as JSON, not to be kept while it goes on', async () => {
    const runId = (await world.run({ wait_seconds: 0 })).run?.run_id ?? '';

    const going = await read(`inferry://runs/${runId}`);

    expect(going.ttl_ms).toBe(0);
    expect(JSON.stringify(going.contents)).toContain(runId);
  });

  it('are the whole text of an output', async () => {
    const runId = await endedRun();

    const { contents, ttl_ms: ttlMs } = await read(`inferry://runs/${runId}/outputs/0`);

    expect(contents).toEqual([
      { uri: `inferry://runs/${runId}/outputs/0`, mimeType: expect.any(String), text: 'the whole text' },
    ]);
    expect(ttlMs).toBeGreaterThan(0);
  });

  it("answer resource_not_found for what does not exist and for somebody else's, alike", async () => {
    const runId = await endedRun();
    const failures = await Promise.all(
      [
        read(`inferry://runs/${runId}/outputs/7`),
        read('inferry://runs/run_none'),
        read(`inferry://runs/${runId}/input`),
        read(`inferry://runs/${runId}`, bob),
        read(`inferry://runs/${runId}/outputs/0`, bob),
      ].map((reading) => reading.catch((error: unknown) => error)),
    );

    for (const failure of failures) expect(failure).toMatchObject({ code: 'resource_not_found' });
    expect(new Set(failures.map(String)).size).toBe(1);
  });
});

describe('the view of a run', () => {
  it('is read by hosts that show it, and may be kept', async () => {
    const { contents, ttl_ms: ttlMs } = await world.ask(surface.readResource, { uri: runViewUri });

    expect(contents).toMatchObject([{ uri: runViewUri, mimeType: 'text/html;profile=mcp-app' }]);
    expect(contents[0]?._meta).toHaveProperty('ui.csp.resourceDomains');
    expect(ttlMs).toBeGreaterThan(0);
  });
});
