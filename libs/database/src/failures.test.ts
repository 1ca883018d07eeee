import { describe, expect, it } from 'vitest';
import { toUnavailable } from './failures.ts';

function withCode(code: string, message = 'x'): Error {
  return Object.assign(new Error(message), { code });
}

describe('an error of a driver', () => {
  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EAI_AGAIN',
    '57P01',
    '57P03',
    '08006',
    '08P01',
    '53300',
    '57014',
    '55P03',
  ])('is unavailable to callers when its code is %s', (code) => {
    expect(toUnavailable(withCode(code))).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
  });

  it.each([
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
    'Query read timeout',
  ])('is unavailable to callers when it says %j', (message) => {
    expect(toUnavailable(new Error(message))).toMatchObject({ code: 'unavailable' });
  });

  it.each(['23505', '42P01', '22001', 'ERR_INVALID_ARG_TYPE'])(
    'stays what it is when its code is %s',
    (code) => {
      expect(toUnavailable(withCode(code))).toBeUndefined();
    },
  );

  it('is kept as the cause and never repeated in the message', () => {
    const error = withCode('28P01', 'password authentication failed for user "ada"');

    const mapped = toUnavailable(error);

    expect(mapped?.cause).toBe(error);
    expect(mapped?.message).not.toContain('ada');
  });
});
