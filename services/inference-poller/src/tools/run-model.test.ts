import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

describe('run_model', () => {
  it('runs a model, waits for its end and returns outputs, time and cost (RF-16, RF-20)', async () => {
    world.platform.endsAs = succeeded('hello');

    const { run, text, isError } = await world.run();

    expect(isError).toBe(false);
    expect(run).toMatchObject({
      status: 'succeeded',
      model: 'scripted/model',
      outputs: [{ index: 0, kind: 'text', text: 'hello' }],
      cost: { currency: 'USD', estimated: 0.5, charged: 0.07 },
    });
    expect(text).toContain('Cost: $0.07.');
  });
});
