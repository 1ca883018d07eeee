import type { RouteKind } from '@inferry/testing/emulators';
import { expect } from 'vitest';
import type { CaseTable } from './submit-cases.ts';
import { refusalOf, type World } from './world.ts';

const everyCall: RouteKind[] = [
  'submit',
  'status',
  'result',
  'catalog',
  'describe',
  'probe',
  'balance',
  'cancel',
];
/** A reply without an end is cut long before this. */
const mostBytes = 192 << 20;

/** What a platform, or whoever stands in for it, may try. */
export const hostileCases: CaseTable = {
  async hostile_types(world) {
    const { handle } = await world.submit();
    world.emulator.script({ on: everyCall, hostile: 'types' });

    const polled = await refusalOf(() => world.provider.poll(handle, world.context()));
    const submitted = await world.refusedSubmit();

    expect(polled.code).toBe('upstream_malformed');
    expect(submitted.code).toBe('upstream_malformed');
  },

  async hostile_redirect(world) {
    const { handle } = await world.submit();
    world.emulator.script({ on: everyCall, hostile: 'redirect' });

    await refusalOf(() => world.provider.poll(handle, world.context()));
    await world.refusedSubmit();

    expect(foreignCalls(world)).toEqual([]);
  },

  async hostile_key_url(world) {
    world.emulator.script({ hostile: 'key_url', states: ['succeeded'] });
    const submitted = await world.submit().catch(() => undefined);

    if (submitted !== undefined) {
      const { handle } = submitted;
      for (let polls = 0; polls < 3; polls++)
        await world.provider.poll(handle, world.context()).catch(() => undefined);
      await world.provider.cancel(handle, world.context()).catch(() => undefined);
    }

    expect(world.submissions()).toBe(1);
    expect(foreignCalls(world).filter((call) => call.includes(world.emulator.keys.valid))).toEqual([]);
  },

  async hostile_size(world) {
    const { handle } = await world.submit();
    world.emulator.script({ on: everyCall, hostile: 'size' });

    const polled = await refusalOf(() => world.provider.poll(handle, world.context()));
    const submitted = await world.refusedSubmit();

    expect(polled.code).toBe('upstream_malformed');
    expect(['upstream_malformed', 'unavailable']).toContain(submitted.code);
    expect(world.emulator.endlessBytes).toBeLessThan(mostBytes);
  },

  async secret_in_error(world) {
    world.emulator.script({ hostile: 'quote_key' });

    const error = await world.refusedSubmit();

    expect(JSON.stringify(error.toEnvelope())).not.toContain(world.emulator.keys.valid.slice(-12));
    expect(String(error.stack)).not.toContain(world.emulator.keys.valid.slice(-12));
  },
};

function foreignCalls({ emulator }: World): string[] {
  return emulator.requests.filter(({ isForeign }) => isForeign).map((request) => JSON.stringify(request));
}
