import { hash } from 'node:crypto';
import { once } from 'node:events';
import { AppError, getRun, grantRevoked, readRevocations, verifyKey } from '@inferry/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  followRun as follow,
  framesOf,
  post,
  startTestGateway,
  acceptStream as stream,
  type TestGateway,
} from '../test-gateway.ts';

const open: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

describe('a wait whose credential is revoked', () => {
  const ada = { subject: 'ada', grant_id: 'key_1', kind: 'api_key' as const, scopes: ['mcp'] };
  const headersOf = (key: string) => ({ authorization: `Bearer ifr_${key.repeat(20)}` });

  async function startWithKeys(aborted: string[]): Promise<TestGateway> {
    const gateway = await startTestGateway({
      env: { INFERRY_AUTH: 'keys' },
      serve(services) {
        services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
        services.serve(verifyKey, async ({ key_sha256: sha256 }) => {
          const grantId = sha256 === hash('sha256', `ifr_${'a'.repeat(20)}`) ? 'key_a' : 'key_b';
          return { principal: { ...ada, grant_id: grantId }, cache_seconds: 60 };
        });
        services.serve(getRun, async (_input, context) => {
          context.progress({ progress: 0.1 });
          if (!context.signal.aborted) await once(context.signal, 'abort');
          aborted.push(context.principal.grant_id);
          throw new AppError('cancelled', 'The caller is gone.');
        });
      },
    });
    open.push(gateway);
    await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
    return gateway;
  }

  test.each([
    { form: 'stream', accept: stream, find: (text: string) => framesOf(text).at(-1) },
    { form: 'JSON answer', accept: {}, find: (text: string) => JSON.parse(text) },
  ])('ends at once as a $form, and those of others go on', async ({ accept, find }) => {
    const aborted: string[] = [];
    const gateway = await startWithKeys(aborted);
    const answer = post(gateway.url, follow, { ...accept, ...headersOf('a') });
    const other = post(gateway.url, follow, { ...accept, ...headersOf('b') });
    await vi.waitFor(() => expect(gateway.services.load.answering).toBe(2));

    gateway.services.publish(grantRevoked, { seq: 1, grant_id: 'key_a' });

    const { text } = await answer;
    expect(find(text)).toMatchObject({ error: { data: { code: 'invalid_token' } } });
    await vi.waitFor(() => expect(aborted).toEqual(['key_a']));
    gateway.services.publish(grantRevoked, { seq: 2, grant_id: 'key_b' });
    await other;
  });
});
