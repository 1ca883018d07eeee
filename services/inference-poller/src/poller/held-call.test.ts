import { expect, it } from 'vitest';
import { CrashGate } from '../testing/crash-gate.ts';
import { succeeded } from '../testing/platform.ts';
import { createWorld, fastTimings } from '../testing/world.ts';

/** A platform whose answer only the process that asked can have; it dies after its k-th step. */
async function killAt(
  step: number,
): Promise<{ hasCrashed: boolean; submits: number; code: string | undefined }> {
  const world = await createWorld();
  try {
    const { platform } = world;
    const open = platform.provider.bind(platform);
    platform.provider = () => ({ ...open(), jobsOf: () => 'process' });
    platform.endsAs = succeeded();
    platform.onRecover = () => ({ outcome: 'unknown' });
    const gate = new CrashGate(step);
    await world.addReplica({ gate });
    const first = world
      .run({ client_ref: 'held', wait_seconds: 20 }, { timeoutMs: 20_000 })
      .catch(() => undefined);
    await Promise.race([first, gate.crashed]);
    world.skipped += fastTimings.leaseMs;
    await world.addReplica();
    const reply = await world.run({ client_ref: 'held', wait_seconds: 20 });
    const code = reply.error?.code;
    return { hasCrashed: gate.isCrashed, submits: platform.submitCount, code };
  } finally {
    await world.close();
  }
}

it('never sends a call again that was held by a process that died, whenever it died', async () => {
  const ends: Awaited<ReturnType<typeof killAt>>[] = [];
  for (let step = 0; step < 40 && ends.at(-1)?.hasCrashed !== false; step++) ends.push(await killAt(step));

  expect(Math.max(...ends.map(({ submits }) => submits))).toBe(1);
  expect(ends).toContainEqual({ hasCrashed: true, submits: 1, code: 'submit_unknown' });
}, 120_000);
