import {
  AppError,
  connectionChanged,
  type Principal,
  readRevocations,
  readVaultKey,
  verifyPassthrough,
} from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { createRecipient } from '@inferry/seals';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseGatewayConfig } from '../config.ts';
import { post, rpc, startTestGateway, type TestGateway } from '../test-gateway.ts';

const key = 'rf_live_0123456789abcdef';
const principal: Principal = {
  ...{ subject: 'key:abc', grant_id: 'pt_abc', kind: 'passthrough', scopes: ['mcp'] },
};

let gateway: TestGateway;
let vault: ReturnType<typeof createRecipient>;
let asked: { provider: string; key: string }[];
let sent: string[];
let isAway: boolean;

afterEach(() => gateway.close());

async function start(env: Record<string, string> = {}): Promise<void> {
  vault = createRecipient();
  asked = [];
  sent = [];
  isAway = false;
  gateway = await startTestGateway({
    env: {
      ...{
        INFERRY_AUTH: 'keys',
        MCP_ACCEPTED_KEY_PREFIXES: 'rf_live_=runflow, r8_=replicate, rf_live_x=other',
      },
      ...env,
    },
    serve(services) {
      services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
      services.serve(readVaultKey, async () => ({ public_key: vault.publicKey }));
      services.serve(verifyPassthrough, async ({ provider, sealed }) => {
        sent.push(JSON.stringify(sealed));
        const opened = vault.open(sealed, purposes.passthrough(provider)).reveal();
        asked.push({ provider, key: opened });
        if (isAway) throw new AppError('unavailable', 'The platform is away.');
        const isGood = opened === key;
        return { principal: isGood ? principal : null, cache_seconds: isGood ? 60 : 30 };
      });
    },
  });
  await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
}

const ping = (bearer: string) => post(gateway.url, rpc('ping'), { authorization: `Bearer ${bearer}` });

describe('a key that a caller brings along', () => {
  test('opens the endpoint when its platform takes it, and is asked about once a minute', async () => {
    await start();
    await ping(key);

    const answer = await ping(key);

    expect(answer.status).toBe(200);
    expect(asked).toEqual([{ provider: 'runflow', key }]);
  });

  test('travels to the vault sealed', async () => {
    await start();

    await ping(key);

    expect(sent.join()).not.toContain('rf_live');
  });

  test('belongs to whoever the longest prefix names', async () => {
    await start();

    await ping('rf_live_x123456789');

    expect(asked).toMatchObject([{ provider: 'other' }]);
  });

  test('is answered 401 invalid_token when its platform refuses it, and is not asked about again at once', async () => {
    await start();
    await ping('rf_live_somethingelse');

    const answer = await ping('rf_live_somethingelse');

    expect(answer.status).toBe(401);
    expect(answer.json.error.data.code).toBe('invalid_token');
    expect(answer.headers.get('www-authenticate')).not.toContain('resource_metadata');
    expect(asked).toHaveLength(1);
  });

  test.each([
    ['a prefix that is not accepted [RF-54]', 'sk_live_0123456789abcdef'],
    ['a refused prefix', 'rf_svc_0123456789abcdef'],
    ['the shape of a token', 'rf_live_eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl'],
    ['too few characters', 'r8_'],
  ])('with %s goes nowhere', async (_what, bearer) => {
    await start({ MCP_ACCEPTED_KEY_PREFIXES: 'rf_=runflow,rf_live_=runflow,r8_=replicate' });

    const answer = await ping(bearer);

    expect(answer.status).toBe(401);
    expect(answer.json.error.data.code).toBe('malformed_authorization');
    expect(asked).toEqual([]);
  });

  test('is answered 503 while its platform cannot be asked, and is not remembered as refused', async () => {
    await start();
    isAway = true;
    const away = await ping(key);
    isAway = false;

    expect(away.status).toBe(503);
    expect((await ping(key)).status).toBe(200);
  });

  test('is sealed anew when the vault has another key', async () => {
    await start();
    await ping('rf_live_first0000');
    vault = createRecipient();

    expect((await ping(key)).status).toBe(200);
  });

  test('is asked about again as soon as its platform was found to refuse it', async () => {
    await start();
    await ping(key);

    gateway.services.publish(connectionChanged, { connection_id: 'pt_abc', provider: 'runflow' });

    await vi.waitFor(async () => {
      await ping(key);
      expect(asked).toHaveLength(2);
    });
  });

  test('is none where no prefix is accepted', async () => {
    await start({ MCP_ACCEPTED_KEY_PREFIXES: '' });

    expect((await ping(key)).json.error.data.code).toBe('malformed_authorization');
  });
});

test.each(['xy_live_', '=runflow', 'ifr_=runflow', 'eyJ=runflow'])(
  'the prefix %s is refused at the start',
  async (item) => {
    await start();

    expect(() => parseGatewayConfig({ MCP_ACCEPTED_KEY_PREFIXES: item })).toThrow(
      'MCP_ACCEPTED_KEY_PREFIXES',
    );
  },
);
