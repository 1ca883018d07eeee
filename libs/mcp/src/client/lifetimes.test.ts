import { localPrincipal, Secret } from '@inferry/contracts';
import { expect, test } from 'vitest';
import { createRequestStates } from './request-states.ts';
import { missingCapabilities } from './rounds.ts';
import { createSessions } from './sessions.ts';

const key = new Secret('a key');
const owner = { subject: 'local', method: 'tools/call', params: { name: 'x', arguments: { a: 1, b: 2 } } };
const day = 86_400_000;

test('a session is over after 30 days', () => {
  let now = Date.UTC(2026, 10, 21);
  const sessions = createSessions({ key, now: () => now });
  const token = sessions.issue({}, localPrincipal);

  now += 29 * day;
  const late = sessions.verify(token, localPrincipal);
  now += 2 * day;

  expect(late).toBeDefined();
  expect(sessions.verify(token, localPrincipal)).toBeUndefined();
});

test("a session is nobody else's, and no other deployment's", () => {
  const sessions = createSessions({ key });
  const token = sessions.issue({}, localPrincipal);

  expect(sessions.verify(token, { ...localPrincipal, subject: 'other' })).toBeUndefined();
  expect(createSessions({ key: new Secret('another') }).verify(token, localPrincipal)).toBeUndefined();
});

test('a session keeps of what its client says only what is used, and little of that', () => {
  const sessions = createSessions({ key });
  const huge = 'x'.repeat(100_000);

  const token = sessions.issue(
    {
      capabilities: { elicitation: { url: {} }, sampling: { huge }, experimental: { huge } },
      clientInfo: { name: huge },
    },
    localPrincipal,
  );

  expect(token.length).toBeLessThan(600);
  expect(sessions.verify(token, localPrincipal)).toMatchObject({
    capabilities: { elicitation: { url: {} }, sampling: {} },
    clientName: 'x'.repeat(64),
  });
});

test('a request state is taken for the same arguments in any order, and for 15 minutes', () => {
  let now = 0;
  const states = createRequestStates(key, () => now);
  const sealed = states.seal(owner, 'here');
  const reordered = { ...owner, params: { arguments: { b: 2, a: 1 }, name: 'x' } };

  expect(states.open(reordered, sealed)).toBe('here');
  now = 16 * 60_000;
  expect(states.open(reordered, sealed)).toBeUndefined();
});

test.each([
  { ...owner, subject: 'other' },
  { ...owner, method: 'prompts/get' },
  { ...owner, params: { name: 'y', arguments: { a: 1, b: 2 } } },
])('a request state is not taken for %j', (other) => {
  const states = createRequestStates(key);

  expect(states.open(other, states.seal(owner, 'here'))).toBeUndefined();
});

test.each([
  { ask: {}, capabilities: { elicitation: {} }, missing: undefined },
  { ask: {}, capabilities: { elicitation: { form: {} } }, missing: undefined },
  { ask: {}, capabilities: { elicitation: { url: {} } }, missing: { elicitation: {} } },
  { ask: { mode: 'url' }, capabilities: { elicitation: {} }, missing: { elicitation: { url: {} } } },
  { ask: { mode: 'url' }, capabilities: { elicitation: { url: {} } }, missing: undefined },
])('a form $ask to a client with $capabilities misses $missing', ({ ask, capabilities, missing }) => {
  const one = { method: 'elicitation/create', params: ask } as const;

  expect(missingCapabilities({ one }, capabilities)).toEqual(missing);
});

test('names all that is missing at once', () => {
  const requests = {
    roots: { method: 'roots/list', params: {} },
    sampling: { method: 'sampling/createMessage', params: {} },
  } as const;

  expect(missingCapabilities(requests, {})).toEqual({ roots: {}, sampling: {} });
});
