/** What is known of the surfaces of services, without a transport. */
import { createBus, createInProcessTransport } from '@inferry/bus';
import { listProviders, type Principal } from '@inferry/contracts';
import { inferry } from '@inferry/profiles';
import { describe, expect, test, vi } from 'vitest';
import { listPrompts } from '../methods/memoised-lists.ts';
import { type ChangedList, ownerOfUri, Surfaces, type SurfaceView } from './surfaces.ts';
import { serveTestSurface } from './test-surface.ts';

const principal: Principal = { subject: 'system:test', grant_id: 'system', kind: 'local', scopes: [] };

describe('prompts', () => {
  test('of a provider are for those who can use it, and no list of one caller is another’s', async () => {
    const transport = createInProcessTransport();
    const services = createBus(transport, { name: 'services' });
    const surface = serveTestSurface(services, { service: 'one' });
    surface.prompts = [{ name: 'greet' }, { name: 'theirs' }];
    surface.promptProviders = { theirs: 'runpod' };
    services.serve(listProviders, async (_input, { principal }) => ({
      providers: [{ slug: 'runpod', title: 'R', ready: principal.subject === 'ada', ...none }],
    }));
    const bus = createBus(transport, { name: 'gateway' });
    const list = listPrompts({
      bus,
      surfaces: new Surfaces(bus, { principal, services: ['one'], log: { warn: vi.fn() } }),
    });
    const namesFor = async (subject: string) => {
      // as: of an exchange a list reads no more than these.
      const exchange = {
        era: 'modern',
        principal: { ...caller, subject },
        offer: { profile: inferry },
        channel: {},
        request: { params: {} },
      };
      return JSON.stringify(await list(exchange as unknown as Parameters<typeof list>[0]));
    };

    const lists = [await namesFor('ada'), await namesFor('bob'), await namesFor('ada')];

    expect(lists.map((text) => text.includes('theirs'))).toEqual([true, false, true]);
    expect(lists.every((text) => text.includes('greet') && !text.includes('runpod'))).toBe(true);
    await bus.close();
    await services.close();
  });

  const none = { models: 0, stale: false, capabilities: [] };
  const caller = { subject: '', grant_id: 'g', kind: 'api_key', scopes: ['mcp'] };
});

/** Whoever comes to the canonical mount with these scopes. */
function callerWith(scopes: readonly string[]): Parameters<Surfaces['view']>[0] {
  return { principal: { scopes }, offer: { profile: inferry } };
}

describe('what is offered', () => {
  test('is what the scopes of the caller open, for lists and for reads', async () => {
    const bus = createBus(createInProcessTransport(), { name: 'services' });
    serveTestSurface(bus, { service: 'one' });
    serveTestSurface(bus, { service: 'two', prefix: 'other://', scope: 'runs:read' });
    const surfaces = new Surfaces(bus, {
      principal,
      services: ['one', 'two'],
      log: { warn: () => undefined },
    });

    const narrow = await surfaces.view(callerWith(['models:read']));
    const wide = await surfaces.view(callerWith(['mcp']));

    expect(namesOf(narrow)).toEqual(['one']);
    expect(namesOf(wide)).toEqual(['one', 'two']);
    expect(ownerOfUri(narrow.offered, 'other://a')).toBeUndefined();
    surfaces.close();
    await bus.close();
  });

  test('stays when the service that offered it is gone [RF-74]', async () => {
    const transport = createInProcessTransport();
    const service = createBus(transport, { name: 'one' });
    serveTestSurface(service, { service: 'one' });
    const bus = createBus(transport, { name: 'gateway' });
    const warn = vi.fn();
    const surfaces = new Surfaces(bus, { principal, services: ['one'], log: { warn }, rereadMs: 20 });
    await surfaces.view(callerWith(['mcp']));

    await service.close();
    await vi.waitFor(() => expect(warn).toHaveBeenCalled());

    const view = await surfaces.view(callerWith(['mcp']));
    expect(namesOf(view)).toEqual(['one']);
    surfaces.close();
    await bus.close();
  });

  test('is found when a service starts after the gateway, and when an event was lost', async () => {
    const transport = createInProcessTransport();
    const bus = createBus(transport, { name: 'gateway' });
    const surfaces = new Surfaces(bus, {
      principal,
      services: ['one'],
      log: { warn: vi.fn() },
      rereadMs: 20,
      retryMs: 20,
    });
    const told: ChangedList[][] = [];
    surfaces.onChanged((lists) => told.push([...lists].sort()));
    expect(namesOf(await surfaces.view(callerWith(['mcp'])))).toEqual([]);

    const world = serveTestSurface(createBus(transport, { name: 'one' }), { service: 'one' });
    await vi.waitFor(async () => expect(namesOf(await surfaces.view(callerWith(['mcp'])))).toEqual(['one']));
    world.prompts = [];
    world.version += 1;

    await vi.waitFor(() => expect(told).toHaveLength(2));
    expect(told[1]).toEqual(['prompts', 'resources']);
    surfaces.close();
    await bus.close();
  });
});

function namesOf({ offered }: SurfaceView): string[] {
  return offered.map(({ surface }) => surface.service);
}
