import { grantRevoked, readRevocations, verifyKey } from '@inferry/contracts';
import { serveTestSurface } from '@inferry/mcp/testing';
import { afterEach, expect, test, vi } from 'vitest';
import {
  acceptStream,
  framesOf,
  modern,
  startTestGateway,
  type TestGateway,
  toAnswer,
} from '../test-gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway.close());

test('a stream of changes ends when the key that opened it is revoked, and tells nothing more', async () => {
  const principal = { subject: 'ada', grant_id: 'key_a', kind: 'api_key' as const, scopes: ['models:read'] };
  gateway = await startTestGateway({
    env: { INFERRY_AUTH: 'keys', MCP_SURFACES: 'one' },
    serve(services) {
      services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
      services.serve(verifyKey, async () => ({ principal, cache_seconds: 60 }));
      serveTestSurface(services, { service: 'one' });
    },
  });
  await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
  const { body, headers } = modern('subscriptions/listen', { notifications: { promptsListChanged: true } });
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ifr_${'a'.repeat(20)}`,
      ...acceptStream,
      ...headers,
    },
    body: JSON.stringify(body),
  });

  gateway.services.publish(grantRevoked, { seq: 1, grant_id: 'key_a' });

  const { text } = await toAnswer(response);
  expect(framesOf(text)).toMatchObject([
    { method: 'notifications/subscriptions/acknowledged' },
    { result: { resultType: 'complete' } },
  ]);
});
