import { AppError, type JsonObject } from '@inferry/contracts';
import { setBudget, setThreshold } from '@inferry/database';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { alice, bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const above = (aboveMicros: number | undefined) => ({ confirmAboveMicros: aboveMicros });
const asking = { capabilities: { elicitation: {} }, responses: {} };
const silent = { capabilities: {}, responses: {} };

interface Needed {
  inputRequests: {
    confirm_cost: { method: string; params: { message: string; requestedSchema: JsonObject } };
  };
  state: string;
}

/** What the call asks its client for. */
async function needed(args: JsonObject = {}): Promise<Needed> {
  const error: unknown = await world.run(args, { client: asking }).catch((thrown: unknown) => thrown);
  // as: thrown by the bus for a call that needs its client.
  return (error as { needed: Needed }).needed;
}

const answered = (state: string, answer: JsonObject) => ({
  client: { ...asking, responses: { confirm_cost: answer }, state },
});
const yes = { action: 'accept', content: { run: true } };

describe('a run above the threshold', () => {
  it('is asked about by the client, and runs after a yes', async () => {
    await world.addReplica(above(400_000));

    const { inputRequests, state } = await needed();
    expect(world.platform.submitCount).toBe(0);
    const { run } = await world.run({ wait_seconds: 0 }, answered(state, yes));

    expect(inputRequests.confirm_cost).toMatchObject({
      method: 'elicitation/create',
      params: { message: 'Run scripted/model for 0.5 USD?' },
    });
    expect(run?.status).toBeDefined();
    const below = { input: { price: 0.4 }, wait_seconds: 0 };
    expect((await world.run(below, { client: asking })).run).toBeDefined();
  });

  it.each([
    { action: 'decline' },
    { action: 'cancel' },
    { action: 'accept', content: { run: false } },
    { action: 'accept' },
  ])('is not run after %j', async (answer) => {
    await world.addReplica(above(0));
    const { state } = await needed();

    const { error } = await world.run({}, answered(state, answer));

    expect(error?.code).toBe('confirmation_declined');
    expect(world.platform.submitCount).toBe(0);
  });

  it('is asked about again when a yes was to another quote, or to a lower price', async () => {
    await world.addReplica(above(0));
    const { state } = await needed({ input: { price: 0.1 } });
    const again = (args: JsonObject, given: string) =>
      world.run(args, answered(given, yes)).catch((thrown: unknown) => String(thrown));

    expect(await again({ input: { price: 0.2 } }, state)).toContain('InputRequired');
    expect(await again({ input: { price: 0.1 } }, 'anything')).toContain('InputRequired');
    world.surcharge = 0.05;
    expect(await again({ input: { price: 0.1 } }, state)).toContain('InputRequired');
    expect(world.platform.submitCount).toBe(0);
  });

  it('is asked about when nobody knows its price, and not when it is free', async () => {
    await world.addReplica(above(5_000_000));

    expect((await needed({ input: { price: null } })).inputRequests.confirm_cost.params.message).toContain(
      'a price that nobody knows before it',
    );
    const free = { input: { price: 0 }, wait_seconds: 0 };
    expect((await world.run(free, { client: asking })).run).toBeDefined();
  });

  it('is not asked about when a budget refuses it, or it was started before', async () => {
    await world.addReplica(above(0));
    const { state } = await needed();
    const args = { client_ref: 'a', wait_seconds: 0 };
    const { run } = await world.run(args, answered(state, yes));
    await setBudget(world.database.queries, {
      ...{ subject: 'alice', period: 'total', currency: 'USD' },
      limitMicros: 100_000,
    });

    expect((await world.run({}, { client: asking })).error?.code).toBe('budget_exceeded');
    expect((await world.run(args, { client: asking })).run?.run_id).toBe(run?.run_id);
  });

  it('is the lowest of those of the deployment, the person, their teams and the mount', async () => {
    await world.addReplica();
    const { queries } = world.database;
    const isAsked = async (price: number, principal = alice) => {
      const outcome = await world
        .run({ input: { price }, wait_seconds: 0 }, { principal, client: silent })
        .catch((thrown: unknown) => thrown);
      return outcome instanceof AppError || JSON.stringify(outcome).includes('confirmation_required');
    };
    await queries.insertInto('team_members').values({ team: 'red', subject: 'bob' }).execute();
    await setThreshold(queries, { scope: 'subject', value: '*', aboveMicros: 900_000 });
    await setThreshold(queries, { scope: 'subject', value: 'alice', aboveMicros: 1_900_000 });
    await setThreshold(queries, { scope: 'team', value: 'red', aboveMicros: 200_000 });

    expect([await isAsked(1.5), await isAsked(2)]).toEqual([false, true]);
    expect([await isAsked(0.2, bob), await isAsked(0.3, bob)]).toEqual([false, true]);
    await setThreshold(queries, { scope: 'mount', value: 'inferry', aboveMicros: 100_000 });
    expect([await isAsked(0.2), await isAsked(0.1)]).toEqual([true, false]);
    for (const value of ['inferry'])
      await setThreshold(queries, { scope: 'mount', value, aboveMicros: undefined });
    expect(await isAsked(0.2)).toBe(false);
  });
});

describe('the page for clients that cannot ask', () => {
  async function open() {
    const { service } = await world.addReplica({ ...above(0), publicUrl: 'https://inferry.example' });
    const app = Fastify();
    await service.routes(app);
    return app;
  }

  const keyed = { principal: { ...alice, kind: 'api_key', client: '<b>cursor' }, client: silent } as const;

  async function pathOf(args: JsonObject = {}): Promise<string> {
    const { error } = await world.run(args, keyed);
    expect(error).toMatchObject({
      code: 'confirmation_required',
      next_action: expect.stringContaining('https://'),
    });
    const { confirm_url: url } = z.object({ confirm_url: z.url() }).parse(error?.details);
    return new URL(url).pathname;
  }

  function answer(app: Awaited<ReturnType<typeof open>>, url: string, said: string) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return app.inject({ method: 'POST', url, headers, payload: `answer=${said}` });
  }

  it('shows what it costs and who asks, and lets one run through after a yes', async () => {
    const app = await open();
    const path = await pathOf();
    expect(await pathOf()).toBe(path);

    const page = await app.inject(path);
    expect(page.body).toContain('<b>scripted/model</b> for <b>0.5 USD</b>');
    expect(page.body).toContain('Asked by &#60;b&#62;cursor');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect((await answer(app, path, 'accepted')).body).toContain('You said yes');

    const { run } = await world.run({ wait_seconds: 0 }, keyed);
    expect(run).toBeDefined();
    expect(await pathOf()).not.toBe(path);
    await app.close();
  });

  it('keeps a no for as long as the question, and then asks anew', async () => {
    const app = await open();
    const path = await pathOf();

    await answer(app, path, 'declined');
    await answer(app, path, 'accepted');
    expect((await world.run({}, keyed)).error?.code).toBe('confirmation_declined');
    world.skipped += 700_000;

    expect(await pathOf()).not.toBe(path);
    await app.close();
  });

  it('is at an address that nobody guesses, and answers nothing when it is too old', async () => {
    const app = await open();
    const path = await pathOf();

    const forged = await answer(app, `${path.slice(0, -3)}abc`, 'accepted');
    expect([forged.statusCode, (await app.inject('/hooks/confirm/x')).statusCode]).toEqual([404, 404]);
    expect((await world.run({}, keyed)).error?.code).toBe('confirmation_required');
    world.skipped += 700_000;
    expect((await answer(app, path, 'accepted')).body).toContain('too old');
    await app.close();
  });

  it('is the account page for whoever signed in there', async () => {
    await open();

    const { error } = await world.run({}, { principal: { ...alice, kind: 'oauth' }, client: silent });

    expect(error?.details).toMatchObject({ confirm_url: 'https://inferry.example/account#confirmations' });
  });
});
