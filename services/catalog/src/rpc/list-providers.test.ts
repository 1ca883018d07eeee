import { AppError, listProviders, localPrincipal } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fake, quick } from '../testing/catalog-calls.ts';
import { type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

let world: CatalogWorld;
beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(async () => {
  await world.close();
});

describe('list_providers', () => {
  it('tells of each provider whether it can be used and how current its models are', async () => {
    const down = fake('q');
    down.failure = new AppError('upstream_unavailable', 'down');
    down.isReady = false;
    const replica = await world.startReplica([fake('p', 'a', 'b'), down], quick);

    await vi.waitFor(async () => {
      const { providers } = await replica.bus.call(listProviders, {}, { principal: localPrincipal });
      expect(providers).toEqual([
        {
          slug: 'p',
          title: 'Scripted p',
          ready: true,
          models: 2,
          stale: false,
          synced_at: expect.stringMatching(/^\d{4}-/),
          checked_at: expect.stringMatching(/^\d{4}-/),
          capabilities: expect.arrayContaining(['cancel:real', 'jobs:remote', 'recover']),
        },
        expect.objectContaining({ slug: 'q', ready: false, models: 0, stale: true }),
      ]);
    });
  });
});
