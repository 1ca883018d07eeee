import { AppError } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Platform, succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

function platform(slug: string): Platform {
  const other = new Platform();
  other.slug = slug;
  other.endsAs = succeeded();
  return other;
}

const hang = () => new Promise<void>(() => undefined);
/** The runs whose submits the platform has read: it takes none of them. */
function takesNone(on: Platform, count: number): string[] {
  const sent: string[] = [];
  on.submitScripts = Array.from({ length: count }, () => async ({ runId }) => {
    sent.push(runId);
    await hang();
  });
  return sent;
}
const many = (count: number, start: () => Promise<string>) =>
  Promise.all(Array.from({ length: count }, start));
const startAs = (principal: typeof alice, model: string) => () => world.start({ model }, { principal });

async function expectDone(start: () => Promise<string>): Promise<void> {
  expect((await world.ended(await start())).status).toBe('succeeded');
}

/** Far longer than a test takes: what nothing else wakes for is not done. */
const never = 600_000;

describe('places that become free', () => {
  it('are filled at once, not at the next tick', async () => {
    world.platform.endsAs = succeeded();
    await world.addReplica({ limits: { maxSubmits: 8, maxPolls: 8 }, timings: { tickMs: never } });

    const ids = await many(120, startAs(alice, 'scripted/model'));

    await Promise.all(ids.map((id) => world.ended(id)));
    expect(world.platform.submitCount).toBe(120);
  });
});

describe('a tenant with a long queue', () => {
  it('does not hold up the run of another tenant at the same slow platform', async () => {
    const sent = takesNone(world.platform, 400);
    await world.addReplica({ limits: { maxSubmits: 8 }, timings: { submitTimeoutMs: never } });
    await many(200, startAs(alice, 'scripted/model'));
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(0));

    const runId = await startAs(bob, 'scripted/model')();

    // None of the others has been taken yet.
    await vi.waitFor(() => expect(sent).toContain(runId));
  });

  it('does not hold up its turn at the models of this machine', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, jobs: 'process' };
    const sent = takesNone(world.platform, 100);
    world.platform.endsAs = succeeded();
    await world.addReplica({ limits: { maxLocal: 1 }, timings: { submitTimeoutMs: never } });
    await many(40, startAs(alice, 'scripted/model'));
    await vi.waitFor(() => expect(sent).toHaveLength(1));

    const runId = await startAs(bob, 'scripted/model')();

    // The one of the other tenant is not done yet.
    await vi.waitFor(() => expect(sent.slice(1)).toEqual([runId]));
  });
});

describe('a platform that hangs', () => {
  it('holds up neither other platforms nor other tenants', async () => {
    const [dead, good] = [platform('dead'), platform('good')];
    dead.submitScripts = Array.from({ length: 400 }, () => hang);
    world.platform.endsAs = succeeded();
    await world.addReplica({
      providers: [world.platform, dead, good].map((one) => one.provider()),
      limits: { maxSubmits: 16, maxSubmitsPerPlatform: 8, maxPolls: 16 },
      timings: { submitTimeoutMs: never },
    });
    await many(100, startAs(alice, 'dead/model'));
    await vi.waitFor(() => expect(dead.submitScripts.length).toBeLessThan(400));

    await expectDone(startAs(alice, 'good/model'));
    await expectDone(startAs(bob, 'good/model'));
    dead.submitScripts = [];
    await expectDone(startAs(bob, 'dead/model'));
  });

  it('with its polls holds up no polls of others', async () => {
    const [dead, good] = [platform('dead'), platform('good')];
    await world.addReplica({
      providers: [dead, good].map((one) => one.provider()),
      limits: { maxPolls: 16 },
      timings: { pollTimeoutMs: never },
    });
    dead.pollErrors = Array.from({ length: 60 }, () => hang);
    await many(60, startAs(alice, 'dead/model'));
    await vi.waitFor(() => expect(dead.submitCount).toBe(60));

    await expectDone(startAs(bob, 'good/model'));
    await expectDone(startAs(alice, 'good/model'));
  });
});

describe('a key that its platform has heard enough of', () => {
  const tooMany = () => {
    throw new AppError('rate_limited', 'Slow down.', { upstreamStatus: 429, retryAfterSeconds: 30 });
  };

  it("slows its own tenant's runs there alone", async () => {
    const other = platform('other');
    world.platform.endsAs = succeeded();
    await world.addReplica({ providers: [world.platform, other].map((one) => one.provider()) });
    world.platform.submitScripts = [tooMany];
    const refused = await startAs(alice, 'scripted/model')();
    await vi.waitFor(async () => expect((await world.row(refused)).poll_attempts).toBe(1), 30_000);

    const waiting = await many(20, startAs(alice, 'scripted/model'));
    await expectDone(startAs(bob, 'scripted/model'));
    await expectDone(startAs(alice, 'other/model'));

    // Each of them would have been one more call with that key.
    for (const id of waiting)
      expect(await world.row(id)).toMatchObject({ phase: 'queued', poll_attempts: 0 });
    expect(world.platform.submitCount).toBe(1);
    world.skipped += 31_000;
    await Promise.all([refused, ...waiting].map((id) => world.ended(id)));
  });
});
