import { expect } from 'vitest';
import type { WebhookVerdict } from '../provider.ts';
import type { CaseTable } from './submit-cases.ts';
import type { World } from './world.ts';

/** What the platform reports by itself. */
export const webhookCases: CaseTable = {
  async webhook_good(world) {
    const verdict = await deliver(world, 'good');

    expect(verdict?.outcome).toBe('job');
    // A submit whose reply was lost is known by it: what it names can be followed as any other job.
    const handle = verdict?.outcome === 'job' ? verdict.handle : undefined;
    const view = await world.provider.poll(handle ?? {}, world.context());
    expect(handle).toBeDefined();
    expect(view.status).toBe('succeeded');
  },

  async webhook_forged(world) {
    expect((await deliver(world, 'forged'))?.outcome).toBe('rejected');
  },

  async webhook_stale(world) {
    expect((await deliver(world, 'stale'))?.outcome).toBe('rejected');
  },

  async webhook_duplicate(world) {
    await world.run();
    const webhook = await world.subject.webhook?.(world.emulator, 'good');
    if (webhook === undefined) throw new Error('the subject makes no webhooks');

    const first = await world.provider.readWebhook?.(webhook, world.context());
    const second = await world.provider.readWebhook?.(webhook, world.context());

    expect(first?.outcome).toBe('job');
    expect(second).toEqual(first);
  },
};

async function deliver(world: World, how: 'good' | 'forged' | 'stale'): Promise<WebhookVerdict | undefined> {
  await world.run();
  const webhook = await world.subject.webhook?.(world.emulator, how);
  if (webhook === undefined) throw new Error('the subject makes no webhooks');
  const { nativeId } = world.subject.samples.happy;
  return world.provider.readWebhook?.({ ...webhook, nativeId }, world.context());
}
