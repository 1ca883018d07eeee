import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { Emulator, EmulatorDefinition } from './index.ts';
import { type Emulators, startEmulators } from './index.ts';

const says = (status: number) => () => ({ status, body: { error: status } });
const definition: EmulatorDefinition = {
  slug: 'acme',
  title: 'Acme',
  bases: ['rest'],
  failures: {
    bad_key: says(401),
    no_credit: says(402),
    unknown_model: says(404),
    unknown_job: says(404),
    validation: says(422),
    rate_limited: says(429),
    server_error: says(500),
    unknown_route: says(404),
  },
  routes: (emulator) => [
    {
      method: 'POST',
      path: '/jobs',
      kind: 'submit',
      body: z.strictObject({ prompt: z.string() }),
      handle: () => ({ id: emulator.createJob({ id: emulator.id('job_'), model: 'm', input: {} }).id }),
    },
    {
      method: 'GET',
      path: '/jobs/:id',
      kind: 'status',
      base: 'rest',
      handle: ({ params }) => ({ state: emulator.stepJob(params.id ?? '').state }),
    },
  ],
};

let emulators: Emulators;
let emulator: Emulator;
beforeAll(async () => {
  emulators = await startEmulators({ definitions: [definition] });
  emulator = emulators.of('acme');
});
afterEach(() => emulator.reset());
afterAll(() => emulators.close());

function submit(body: unknown = { prompt: 'x' }, headers = emulator.authorization()): Promise<Response> {
  return fetch(`${emulator.base()}/jobs`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function states(id: string, count: number): Promise<string[]> {
  const seen: string[] = [];
  for (let polls = 0; polls < count; polls++) {
    const reply = await fetch(`${emulator.base('rest')}/jobs/${id}`, { headers: emulator.authorization() });
    // as: what the route above answers.
    seen.push(reply.ok ? ((await reply.json()) as { state: string }).state : String(reply.status));
  }
  return seen;
}

it('moves a job on with each look at it, and gives the same ids every time', async () => {
  // as: what the route above answers.
  const { id } = (await (await submit()).json()) as { id: string };
  const seen = await states(id, 4);
  emulator.reset();

  expect(seen).toEqual(['queued', 'running', 'succeeded', 'succeeded']);
  expect(await (await submit()).json()).toEqual({ id });
});

it('knows its keys by what becomes of them', async () => {
  const { revoked, broke } = emulator.keys;

  expect((await submit(undefined, { authorization: `Bearer ${revoked}` })).status).toBe(401);
  expect((await submit(undefined, { authorization: `Bearer ${broke}` })).status).toBe(402);
  expect((await submit(undefined, {})).status).toBe(401);
});

it('refuses and records what a strict platform would not understand', async () => {
  await submit({ prompt: 'x', seed: 1 });
  await submit(undefined, { ...emulator.authorization(), traceparent: '00-1' });
  await fetch(`${emulator.base()}/nowhere`);

  expect(emulator.violations).toEqual([
    '/jobs: unknown body fields  seed',
    'POST /jobs: unknown header traceparent',
    'unknown route: GET /nowhere',
  ]);
});

it('limits the first calls, and then no more', async () => {
  emulator.script({ rate429: 2, retryAfterSeconds: 3 });

  const replies = [await submit(), await submit(), await submit()];

  expect(replies.map(({ status }) => status)).toEqual([429, 429, 200]);
  expect(replies[0]?.headers.get('retry-after')).toBe('3');
});

it('takes a job and loses the reply', async () => {
  emulator.script({ dropReplyAfterAccept: true });

  await expect(submit()).rejects.toThrow();
  expect(emulator.jobs.size).toBe(1);
});

it('forgets a job that is told to expire', async () => {
  emulator.script({ states: ['running', 'expired'] });
  // as: what the route above answers.
  const { id } = (await (await submit()).json()) as { id: string };

  expect(await states(id, 3)).toEqual(['running', '404', '404']);
});

it('is told what to do from another process', async () => {
  const control = `${emulators.url}/~control/acme`;
  await fetch(`${control}/script`, { method: 'POST', body: JSON.stringify({ refuse: 'no_credit' }) });

  expect((await submit()).status).toBe(402);
  expect(await (await fetch(`${control}/requests`)).json()).toMatchObject({
    requests: [{ kind: 'submit', status: 402 }],
  });
});
