import { AppError, type ErrorCode, type Run } from '@inferry/contracts';
import { setPause } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyLedger } from '../runs/verify-ledger.ts';
import { Platform, succeeded } from '../testing/platform.ts';
import { createWorld, type World } from '../testing/world.ts';

let world: World;
let other: Platform;
beforeEach(async () => {
  world = await createWorld();
  other = new Platform();
  other.slug = 'other';
  other.endsAs = succeeded('from the other');
  world.platform.endsAs = succeeded('from the first');
  await world.addReplica({ providers: [world.platform, other].map((one) => one.provider()) });
});
afterEach(() => world.close());

/** `twins` is `scripted/model` and, where that took nothing, `other/model`. */
const run = (input: Record<string, unknown> = {}, args = {}) => world.run({ model: 'twins', input, ...args });
const refuse = (code: ErrorCode) => {
  world.platform.submitScripts = [
    () => {
      throw new AppError(code, 'Not now.');
    },
  ];
};
const shown = (given?: Run) => [given?.status, given?.model, given?.outputs?.[0]?.text];

describe('a run of several models that do the same', () => {
  it('says which was chosen and why', async () => {
    const { run: done } = await run();

    expect(shown(done)).toEqual(['succeeded', 'scripted/model', 'from the first']);
    expect(done?.notes).toEqual(['twins is scripted/model: first of 2']);
    expect(other.submitCount).toBe(0);
  });

  it.each(['insufficient_credits', 'unauthorized', 'model_not_found', 'rate_limited', 'busy'] as const)(
    'goes to the next where the platform took nothing: %s',
    async (code) => {
      refuse(code);

      const { run: done } = await run();

      expect(shown(done)).toEqual(['succeeded', 'other/model', 'from the other']);
      expect(done?.notes).toEqual([`twins is other/model: after scripted/model (${code})`]);
      expect([world.platform.submitCount, other.submitCount]).toEqual([0, 1]);
      expect(await verifyLedger(world.database)).toMatchObject({ differences: 0 });
    },
  );

  it.each(['content_blocked', 'validation_failed'] as const)(
    'is not taken elsewhere for %s',
    async (code) => {
      refuse(code);

      const { error } = await run();

      expect(error).toMatchObject({ code });
      expect(other.submitCount).toBe(0);
    },
  );

  it('is never sent elsewhere where nobody knows whether it was taken', async () => {
    world.platform.submitScripts = [
      (_request, accept) => {
        accept();
        throw new AppError('upstream_malformed', 'What came back cannot be read.');
      },
    ];

    const { run: done } = await run();

    expect(shown(done)).toEqual(['succeeded', 'scripted/model', 'from the first']);
    expect([world.platform.submitCount, other.submitCount]).toEqual([1, 0]);
  });

  it('is never sent elsewhere while the platform cannot tell', async () => {
    world.platform.onRecover = () => ({ outcome: 'unknown' });
    world.platform.submitScripts = [
      () => {
        throw new AppError('deadline_exceeded', 'No answer.');
      },
    ];

    const { error } = await run();

    expect(error).toMatchObject({ code: 'submit_unknown' });
    expect(other.submitCount).toBe(0);
  });

  it('is held at what the dearest of them costs, and is sent to none that costs more than it may', async () => {
    refuse('insufficient_credits');
    const { run: held } = await run({ price: 0.1, otherPrice: 0.7 });
    refuse('insufficient_credits');
    const { error } = await run({ price: 0.1, otherPrice: 0.7 }, { max_cost: 0.5 });

    expect(await world.ledger(held?.run_id ?? '')).toMatchObject({ reserve: 700_000, release: -700_000 });
    expect(error).toMatchObject({ code: 'insufficient_credits' });
    expect(other.submitCount).toBe(1);
  });

  it('passes over a platform that is paused or away', async () => {
    const pause = { mode: 'pause', reason: 'upkeep', at: Date.now() } as const;
    await setPause(world.database.queries, { provider: 'other', pause });
    refuse('insufficient_credits');

    expect((await run()).error).toMatchObject({ code: 'insufficient_credits' });
    expect(other.submitCount).toBe(0);
  });

  it('leaves no place taken at the platform that it left', async () => {
    world.platform.submitScripts = Array.from({ length: 40 }, () => () => {
      throw new AppError('insufficient_credits', 'Not now.');
    });
    const ids = await Promise.all(Array.from({ length: 40 }, () => world.start({ model: 'twins' })));
    await Promise.all(ids.map((id) => world.ended(id)));

    await vi.waitFor(() => expect(other.submitCount).toBe(40), 30_000);
    expect((await world.run()).run?.status).toBe('succeeded');
  });
});
