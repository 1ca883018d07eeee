import { hash } from 'node:crypto';
import type { Principal } from '@inferry/contracts';
import { isRefusal } from '@inferry/mcp';
import { expect, test } from 'vitest';
import { createBearerAuthentication } from './authenticate.ts';
import { createChallenger } from './challenge.ts';
import type { TokenGrant } from './token-verifier.ts';

const principal: Principal = { subject: 'ada', grant_id: 'g', kind: 'oauth', scopes: ['mcp'] };
const token = 'aaaa.bbbb.cccc';

function authenticateWith({ deafMs, ageMs }: { deafMs: number; ageMs: number }) {
  const grant: TokenGrant = { principal, issuedAtMs: 1_000_000 - ageMs, expiresAtMs: 2_000_000 };
  const authenticate = createBearerAuthentication({
    keys: { known: () => null, verify: async () => null },
    tokens: {
      isLoaded: true,
      known: (sha256) => (sha256 === hash('sha256', token) ? grant : undefined),
      verify: async () => null,
      forget: () => undefined,
    },
    revoked: { isLoaded: true, has: () => false, deafMs, close: () => undefined },
    challenge: createChallenger('inferry'),
    maxStaleMs: 60_000,
    now: () => 1_000_000,
  });
  // as: nothing but its headers is looked at.
  return authenticate({ headers: { authorization: `Bearer ${token}` } } as Parameters<
    typeof authenticate
  >[0]);
}

test('a token is served while revocations arrive, however old it is', async () => {
  expect(await authenticateWith({ deafMs: 0, ageMs: 800_000 })).toBe(principal);
});

test('a token that is older than the bound is put off once none arrived for that long', async () => {
  const outcome = await authenticateWith({ deafMs: 60_001, ageMs: 60_001 });

  expect(isRefusal(outcome) && outcome.status).toBe(503);
});

test('a token that was issued meanwhile is served', async () => {
  expect(await authenticateWith({ deafMs: 60_001, ageMs: 30_000 })).toBe(principal);
});
