import { expect, it } from 'vitest';
import { classifyFailure, cleanText, retryAfterSeconds } from './index.ts';

const reply = (status: number, body: unknown, headers = {}) => ({ status, headers, body });
const read = { title: 'Acme', purpose: 'read' } as const;
const submit = { title: 'Acme', purpose: 'submit' } as const;

it.each([
  [400, 'validation_failed'],
  [401, 'unauthorized'],
  [402, 'insufficient_credits'],
  [403, 'forbidden'],
  [404, 'model_not_found'],
  [422, 'validation_failed'],
  [429, 'rate_limited'],
  [451, 'content_blocked'],
  [500, 'upstream_unavailable'],
  [503, 'upstream_unavailable'],
])('reads the status %i as %s', (status, code) => {
  expect(classifyFailure(reply(status, {}), read).code).toBe(code);
});

it.each([500, 502, 503, 504, 408, 409])('does not say that a submit with %i was refused', (status) => {
  expect(classifyFailure(reply(status, { error: 'x' }), submit).code).toBe('unavailable');
});

it('takes the word of a platform that nothing was taken', () => {
  const rule = () => ({ code: 'busy', mayBeTaken: false }) as const;

  expect(classifyFailure(reply(503, {}), { ...submit, rule }).code).toBe('busy');
});

it('was not taken when a 503 says when to come back', () => {
  expect(classifyFailure(reply(503, {}, { 'retry-after': '30' }), submit)).toMatchObject({
    code: 'upstream_unavailable',
    retryAfterSeconds: 30,
  });
  expect(classifyFailure(reply(502, {}, { 'retry-after': '30' }), submit).code).toBe('unavailable');
});

it('believes the code of the body before the status', () => {
  const rule = () => ({ code: 'insufficient_credits' }) as const;

  expect(classifyFailure(reply(429, {}), { ...submit, rule }).code).toBe('insufficient_credits');
});

it('speaks of no model where something else is asked for', () => {
  const rule = () => ({ code: 'not_found', detail: 'no such pod' }) as const;
  const { message, nextAction } = classifyFailure(reply(404, {}), { ...read, rule });

  expect(message).toBe('Acme has no such thing. It says: no such pod');
  expect(nextAction).not.toMatch(/model/);
});

it('names the fields that a platform refuses', () => {
  const body = { detail: [{ loc: ['body', 'image', 'url'], msg: 'Field required' }] };

  const error = classifyFailure(reply(422, body), submit);

  expect(error.details?.errors).toEqual([{ path: 'image.url', message: 'Field required' }]);
});

it('repeats no key, no query of a link and no bytes', () => {
  const text =
    'Bad key my-own-secret at https://x.example/a?sig=1 with sk-abcdefghijklmnop and data:image/png;base64,AAAA\u0000';

  expect(cleanText(text, { secrets: ['my-own-secret'] })).toBe(
    'Bad key [secret] at https://x.example/a with [secret] and [data]',
  );
});

it('cuts what is long', () => {
  expect(cleanText('a'.repeat(1_000))).toHaveLength(300);
});

it.each([
  [{ 'retry-after': '7' }, 7],
  [{ 'retry-after-ms': '1500' }, 2],
  [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:30 GMT' }, 30],
  [{ 'retry-after': '3', ratelimit: '"minute";r=0;t=12, "hour";r=5;t=600' }, 12],
  [{ 'retry-after': '99999999' }, 86_400],
  [{ 'retry-after': 'soon' }, undefined],
  [{}, undefined],
])('reads %j as a wait of %s s', (headers, seconds) => {
  expect(retryAfterSeconds(headers, 0)).toBe(seconds);
});
