/** What refusals of the protocol are over HTTP. */
import { type Era, refuse, rpcCodes } from '@inferry/mcp';
import { describe, expect, it } from 'vitest';
import { toHttp } from './http-refusal.ts';

const failures = {
  parse: 'parse_error',
  invalidRequest: 'invalid_request',
  headerMismatch: 'header_mismatch',
  unsupportedVersion: 'unsupported_protocol_version',
  invalidParams: 'validation_failed',
  methodNotFound: 'method_not_found',
  missingCapability: 'client_capability_missing',
  resourceNotFound: 'resource_not_found',
  internal: 'unavailable',
} as const;

function statusOf(name: keyof typeof failures, era?: Era): number {
  return toHttp(refuse([failures[name], 'Why.'], { rpcCode: rpcCodes[name] }), era).status;
}

describe('a refusal of the protocol', () => {
  it.each(['parse', 'invalidRequest', 'headerMismatch', 'unsupportedVersion', 'invalidParams'] as const)(
    'is a bad request where no method was reached (%s)',
    (name) => expect(statusOf(name)).toBe(400),
  );

  it.each(['invalidParams', 'internal'] as const)('is told in band by a method (%s)', (name) => {
    expect([statusOf(name, 'modern'), statusOf(name, 'legacy')]).toEqual([200, 200]);
  });

  it.each([
    ['methodNotFound', 404],
    ['missingCapability', 400],
  ] as const)('has a status in the modern era where the legacy one tells it in band (%s)', (name, status) => {
    expect([statusOf(name, 'modern'), statusOf(name, 'legacy')]).toEqual([status, 200]);
  });

  it('is in band where a resource is missing in the era that has a code for it', () => {
    expect(statusOf('resourceNotFound', 'legacy')).toBe(200);
  });

  it.each([
    ['insufficient_scope', 403],
    ['invalid_token', 401],
  ] as const)('leads to a credential where that is what is missing (%s)', (code, status) => {
    const refusal = refuse([code, 'Why.']);

    expect([toHttp(refusal, 'modern').status, toHttp(refusal, 'legacy').status]).toEqual([status, status]);
  });

  it('says in a header when to come again', () => {
    const refusal = toHttp(
      refuse(['busy', 'Full.'], { rpcCode: rpcCodes.internal, retryAfterSeconds: 30 }),
      'modern',
    );

    expect(refusal).toMatchObject({ status: 200, headers: { 'retry-after': '30' } });
  });
});
