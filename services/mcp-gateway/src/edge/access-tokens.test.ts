import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createInProcessTransport } from '@inferry/bus';
import {
  grantRevoked,
  jwksChanged,
  type Principal,
  readJwks,
  readRevocations,
  searchModels,
  verifyKey,
} from '@inferry/contracts';
import { exportJWK, type JWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  callOf,
  modern,
  post,
  rpc,
  serveTool,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../test-gateway.ts';

const issuer = 'https://ai.example.com';
const audience = `${issuer}/mcp`;
const apiKey = 'ifr_0123456789abcdefghij';

let own: { kid: string; privateKey: KeyObject; publicKey: KeyObject };
let published: JWK[];
let jwksReads = 0;
let callers: Principal[] = [];
let gateway: TestGateway;

function newPair(kid: string) {
  return { kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
}

async function publicJwk({ kid, publicKey }: typeof own): Promise<JWK> {
  return { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' };
}

beforeAll(() => {
  own = newPair('k1');
});
beforeEach(async () => {
  published = [await publicJwk(own)];
  jwksReads = 0;
  callers = [];
});
afterEach(() => gateway.close());

async function start(options: TestGatewayOptions & { revoked?: string[] } = {}): Promise<TestGateway> {
  const { revoked = [], ...rest } = options;
  gateway = await startTestGateway({
    ...rest,
    env: {
      INFERRY_AUTH: 'oauth',
      PUBLIC_URL: issuer,
      ...options.env,
    },
    serve(services) {
      services.serve(readJwks, async () => {
        jwksReads += 1;
        return { issuer, audiences: [audience, issuer], keys: published };
      });
      services.serve(verifyKey, async () => ({
        principal: { subject: 'ada', grant_id: 'key_1', kind: 'api_key', scopes: ['models:read'] },
        cache_seconds: 60,
      }));
      services.serve(readRevocations, async ({ after }) => {
        const all = revoked.map((grantId, index) => ({ seq: index + 1, grant_id: grantId }));
        return { items: all.filter(({ seq }) => seq > after), latest: revoked.length };
      });
      serveTool(services, searchModels, async (_input, { principal }) => {
        callers.push(principal);
        return { items: [] };
      });
      options.serve?.(services);
    },
  });
  await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true), {
    timeout: 5_000,
  });
  return gateway;
}

const now = () => Math.floor(Date.now() / 1_000);

function claims(): JWTPayload {
  return {
    ...{ iss: issuer, aud: audience, sub: 'acct_ada', client_id: 'client-1', gid: 'grant_1' },
    ...{ scope: 'mcp', iat: now(), exp: now() + 900, jti: randomUUID() },
  };
}

function sign(
  changes: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key: KeyObject | Uint8Array = own.privateKey,
): Promise<string> {
  const payload = Object.fromEntries(
    Object.entries({ ...claims(), ...changes }).filter(([, value]) => value !== undefined),
  );
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: own.kid, ...header })
    .sign(key);
}

const ping = (token: string, headers: Record<string, string> = {}) =>
  post(gateway.url, rpc('ping'), { authorization: `Bearer ${token}`, ...headers });

describe('an access token', () => {
  beforeEach(() => start());

  test('opens the endpoint for whom it was issued, with its scopes and grant [RW-43]', async () => {
    const answer = await post(gateway.url, callOf('search_models'), {
      authorization: `Bearer ${await sign({ scope: 'models:read something:else' })}`,
    });

    expect(answer.json.result.structuredContent).toEqual({ items: [] });
    expect(callers).toMatchObject([
      {
        subject: 'acct_ada',
        grant_id: 'grant_1',
        kind: 'oauth',
        client: 'client-1',
        scopes: ['models:read'],
      },
    ]);
  });

  test('is verified here: many calls ask the auth service for its keys once', async () => {
    const token = await sign();
    for (let i = 0; i < 5; i += 1) expect((await ping(token)).status).toBe(200);

    expect(jwksReads).toBe(1);
  });

  test('is good for the other name of this deployment', async () => {
    expect((await ping(await sign({ aud: issuer }))).status).toBe(200);
  });

  test('that has just ended is good for the difference of clocks, and no longer', async () => {
    expect((await ping(await sign({ exp: now() - 2 }))).status).toBe(200);
    expect((await ping(await sign({ exp: now() - 6 }))).status).toBe(401);
  });

  const forged: Record<string, () => Promise<string>> = {
    'without a signature': async () =>
      new UnsecuredJWT(claims()).encode().replace(/^[^.]+/, b64({ alg: 'none', typ: 'at+jwt' })),
    'signed with the public key as a shared secret': async () =>
      sign({}, { alg: 'HS256' }, Buffer.from(JSON.stringify(await publicJwk(own)))),
    'signed with the public key in PEM as a shared secret': async () =>
      sign({}, { alg: 'HS256' }, Buffer.from(own.publicKey.export({ type: 'spki', format: 'pem' }))),
    'with another key in its header': async () => {
      const other = newPair('k1');
      return sign({}, { jwk: await publicJwk(other) }, other.privateKey);
    },
    'with another key at an address in its header': () =>
      sign(
        {},
        { jku: 'https://evil.example/jwks', x5u: 'https://evil.example/x5u' },
        newPair('k1').privateKey,
      ),
    'with a path for a key id': () => sign({}, { kid: '../../../../dev/null' }, newPair('x').privateKey),
    'with a query for a key id': () => sign({}, { kid: "k1' or '1'='1" }, newPair('x').privateKey),
    'with a critical header that nobody knows': () => forge({ crit: ['own'], own: 1 }),
    'of another issuer': () => sign({ iss: 'https://evil.example' }),
    'whose issuer has a slash more': () => sign({ iss: `${issuer}/` }),
    'for another resource': () => sign({ aud: 'https://other.example/mcp' }),
    'for nobody': () => sign({ aud: undefined }),
    'of another type': () => sign({}, { typ: 'JWT' }),
    'that is an id token': () => sign({ nonce: 'n' }, { typ: undefined }),
    'that never ends': () => sign({ exp: undefined }),
    'that has ended': () => sign({ exp: now() - 60 }),
    'that has not begun': () => sign({ nbf: now() + 60 }),
    'without a subject': () => sign({ sub: undefined }),
    'without a grant': () => sign({ gid: undefined }),
    'without a client': () => sign({ client_id: undefined }),
    'that is 10 kB long': () => sign({ filler: 'x'.repeat(9_000) }),
    'whose payload was changed': async () => {
      const [header, , signature] = (await sign()).split('.');
      return [header, b64({ ...claims(), sub: 'root' }), signature].join('.');
    },
    'whose signature was cut': async () => (await sign()).slice(0, -2),
  };

  test.each(Object.keys(forged))('%s is answered 401 invalid_token', async (name) => {
    const token = (await forged[name]?.()) ?? '';

    const answer = await ping(token);

    expect(answer.status).toBe(401);
    expect(answer.json.error.data.code).toBe('invalid_token');
    expect(answer.text).not.toContain(token.slice(0, 40));
    expect(callers).toEqual([]);
  });

  test('in the query is none', async () => {
    const answer = await post(`${gateway.url}?access_token=${await sign()}`, rpc('ping'));

    expect(answer.status).toBe(401);
    expect(answer.json.error.data.code).toBe('missing_authorization');
  });

  test('that is refused leads to whoever signs people in [MR-53][MR-54][MR-55][RP-28]', async () => {
    const missing = await post(gateway.url, rpc('ping'));
    const ended = await ping(await sign({ exp: now() - 60 }));

    const metadata = `resource_metadata="${issuer}/.well-known/oauth-protected-resource/mcp"`;
    expect(missing.headers.get('www-authenticate')).toBe(`Bearer realm="inferry", scope="mcp", ${metadata}`);
    expect(ended.headers.get('www-authenticate')).toBe(
      `Bearer realm="inferry", error="invalid_token", scope="mcp", ${metadata}`,
    );
  });

  test('of a revoked grant is refused from the event on, though it was verified before [MR-55]', async () => {
    const token = await sign();
    await ping(token);

    gateway.services.publish(grantRevoked, { seq: 1, grant_id: 'grant_1' });

    await vi.waitFor(async () => expect((await ping(token)).status).toBe(401));
  });
});

describe('signing keys', () => {
  test('that are new are found when a token names one', async () => {
    await start();
    const next = newPair('k2');
    published = [await publicJwk(own), await publicJwk(next)];

    expect((await ping(await sign({}, { kid: 'k2' }, next.privateKey))).status).toBe(200);
  });

  test('that nobody has are not asked for again and again', async () => {
    await start();
    const stranger = newPair('k9');
    const tokens = await Promise.all(
      Array.from({ length: 20 }, () => sign({}, { kid: 'k9' }, stranger.privateKey)),
    );

    await Promise.all(tokens.map((token) => ping(token)));

    expect(jwksReads).toBeLessThanOrEqual(2);
  });

  test('that were taken out open nothing any more, whatever was verified with them', async () => {
    await start();
    const token = await sign();
    await ping(token);
    published = [await publicJwk(newPair('k2'))];

    gateway.services.publish(jwksChanged, {});

    await vi.waitFor(async () => expect((await ping(token)).status).toBe(401));
  });

  test('that were not read yet let nobody in: the replica is not ready', async () => {
    gateway = await startTestGateway({
      env: { INFERRY_AUTH: 'oauth', PUBLIC_URL: issuer },
      transport: createInProcessTransport(),
      serve: (services) => services.serve(readRevocations, async () => ({ items: [], latest: 0 })),
    });
    await vi.waitFor(async () =>
      expect((await gateway.service.readiness()).problems).toEqual({ signing_keys: 'not loaded' }),
    );

    expect((await ping(await sign())).status).toBe(503);
  });
});

describe('beside access tokens', () => {
  beforeEach(() => start());

  test('API keys are taken', async () => {
    expect((await ping(apiKey)).status).toBe(200);
  });

  test.each(['rf_live_0123456789abcdef', 'sk-proj-0123456789', '$TOKEN', 'ifr_short'])(
    '%s is refused without sending its client to sign in',
    async (bearer) => {
      const answer = await ping(bearer);

      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="inferry", error="invalid_token"');
    },
  );
});

describe('scopes that do not suffice', () => {
  beforeEach(() => start());

  test('are asked for together with those that were granted', async () => {
    const { body, headers } = modern('tools/call', { name: 'run_model', arguments: {} });
    const authorization = `Bearer ${await sign({ scope: 'models:read account:read' })}`;

    const answer = await post(gateway.url, body, { ...headers, authorization });

    expect(answer.status).toBe(403);
    expect(answer.headers.get('www-authenticate')).toBe(
      'Bearer realm="inferry", error="insufficient_scope", scope="models:read account:read runs:write", ' +
        `resource_metadata="${issuer}/.well-known/oauth-protected-resource/mcp"`,
    );
  });

  test.each(['2025-03-26', '2025-06-18'])(
    'are told in a result to clients of %s, which cannot ask for more',
    async (version) => {
      const authorization = `Bearer ${await sign({ scope: 'models:read' })}`;

      const answer = await post(gateway.url, callOf('run_model'), {
        authorization,
        'mcp-protocol-version': version,
      });

      expect(answer.status).toBe(200);
      expect(answer.json.result.isError).toBe(true);
      expect(answer.json.result.content[0].text).toMatch(/^\[insufficient_scope\].*reconnect.*tick/s);
    },
  );

  test('of 2025-11-25 are a challenge', async () => {
    const authorization = `Bearer ${await sign({ scope: 'models:read' })}`;

    const answer = await post(gateway.url, callOf('run_model'), {
      authorization,
      'mcp-protocol-version': '2025-11-25',
    });

    expect(answer.status).toBe(403);
  });

  test('hide the tools that they do not open', async () => {
    const authorization = `Bearer ${await sign({ scope: 'models:read' })}`;

    const answer = await post(gateway.url, rpc('tools/list'), { authorization });

    expect(answer.json.result.tools.map((tool: { name: string }) => tool.name)).toEqual([
      'search_models',
      'get_model',
      'estimate_cost',
    ]);
  });
});

describe('the metadata of this resource', () => {
  const get = (path: string) => fetch(new URL(path, gateway.url));

  test.each([
    ['', '/'],
    ['/', '/'],
    ['/mcp', '/mcp'],
    ['/mcp/', '/mcp'],
    ['/mcp/x/run', '/mcp/x/run'],
  ])('at its address%s names the issuer as tokens do [MR-47][RF-48][RP-29]', async (suffix, path) => {
    await start();

    const response = await get(`/.well-known/oauth-protected-resource${suffix}`);

    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.json()).toEqual({
      resource: new URL(path, audience).href,
      authorization_servers: [issuer],
      scopes_supported: expect.arrayContaining(['mcp', 'runs:write']),
      bearer_methods_supported: ['header'],
      resource_name: 'Inferry',
    });
  });

  test('leads from each address to the document of exactly that one', async () => {
    await start();

    for (const path of ['/', '/mcp', '/mcp/', '/mcp/x/run/readonly']) {
      const refused = await fetch(new URL(path, gateway.url), { method: 'POST', body: 'x' });
      const challenge = refused.headers.get('www-authenticate') ?? '';
      const led = new URL(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '');
      const { resource } = (await (await get(led.pathname)).json()) as { resource: string };

      expect([refused.status, resource.replace(/\/$/, '')]).toEqual([
        401,
        new URL(path, audience).href.replace(/\/$/, ''),
      ]);
    }
  });

  test.each(['Bearer', 'Bearer undefined', 'bearer null', 'Bearer [object Object]'])(
    'is where a client is led that sends "%s"',
    async (authorization) => {
      await start();

      const refused = await fetch(new URL('/mcp', gateway.url), {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: '{}',
      });

      expect(refused.headers.get('www-authenticate')).toContain('resource_metadata');
    },
  );

  test('answers the preflights of pages, and a GET of the endpoint leads there too', async () => {
    await start();

    const preflight = await fetch(new URL('/.well-known/oauth-protected-resource/mcp', gateway.url), {
      method: 'OPTIONS',
      headers: { 'access-control-request-headers': 'mcp-protocol-version' },
    });
    const got = await get('/mcp');

    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'mcp-protocol-version',
    ]);
    expect([got.status, got.headers.get('www-authenticate')]).toEqual([
      405,
      expect.stringContaining('resource_metadata'),
    ]);
  });

  test('does not list a scope that only an authorization server means', async () => {
    await start();

    const { scopes_supported: listed } = (await (
      await get('/.well-known/oauth-protected-resource')
    ).json()) as { scopes_supported: string[] };

    expect(listed).not.toContain('offline_access');
  });

  test('is a 404 in JSON where there are keys alone, like every other well-known address', async () => {
    await start({ env: { INFERRY_AUTH: 'keys' } });

    for (const name of ['oauth-protected-resource', 'oauth-protected-resource/mcp', 'openid-configuration']) {
      const response = await get(`/.well-known/${name}`);

      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toContain('application/json');
    }
  });
});

function b64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Signed as it is, which the library would refuse to do. */
async function forge(header: Record<string, unknown>): Promise<string> {
  const { sign: signBytes } = await import('node:crypto');
  const input = `${b64({ alg: 'ES256', typ: 'at+jwt', kid: own.kid, ...header })}.${b64(claims())}`;
  const signature = signBytes('sha256', Buffer.from(input), {
    key: own.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${input}.${signature.toString('base64url')}`;
}
