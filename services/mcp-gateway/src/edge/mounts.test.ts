// Holds which tokens a mount takes, and which documents it leads to: below a path, and at a host of its own.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { readJwks, readRevocations } from '@inferry/contracts';
import { exportJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { rpc, startTestGateway, type TestGateway } from '../test-gateway.ts';

const issuer = 'https://ai.example.com';
const host = 'runware.example';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let gateway: TestGateway;

beforeAll(async () => {
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', use: 'sig', alg: 'ES256' };
  gateway = await startTestGateway({
    env: { INFERRY_AUTH: 'oauth', PUBLIC_URL: issuer, PROFILE_HOSTS: `${host}=runware,flow.example=runflow` },
    serve(services) {
      services.serve(readJwks, async () => ({ issuer, audiences: [`${issuer}/mcp`, issuer], keys: [jwk] }));
      services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
    },
  });
  await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
});
afterAll(() => gateway.close());

interface Said {
  status: number | undefined;
  challenge: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  json: any;
}

/** One request by a name that leads elsewhere than here. */
function ask(
  name: string,
  path: string,
  init: { body?: object; token?: string; port?: number } = {},
): Promise<Said> {
  const { body, token, port = gateway.port } = init;
  const headers = {
    ...{ host: name, 'content-type': 'application/json' },
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const asking = request({ port, host: '127.0.0.1', path, method, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => {
        const challenge = String(answer.headers['www-authenticate'] ?? '');
        resolve({ status: answer.statusCode, challenge, json: JSON.parse(text) });
      });
    });
    asking.on('error', reject);
    asking.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function sign(audience: string | string[], from = issuer): Promise<string> {
  const claims = { sub: 'acct_ada', client_id: 'client-1', gid: 'grant_1', scope: 'mcp', jti: randomUUID() };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })
    .setIssuer(from)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('15m')
    .sign(pair.privateKey);
}

const statusOf = async (name: string, path: string, token: string) =>
  (await ask(name, path, { body: rpc('ping'), token })).status;

describe('the host of a profile', () => {
  test.each(['/', '/mcp', '/mcp/x/run'])(
    'takes tokens for its profile and the deployment at %s',
    async (path) => {
      const own = await sign(`${issuer}/mcp/runware`, `https://${host}`);

      expect(await statusOf(host, path, own)).toBe(200);
      expect(await statusOf(`${host.toUpperCase()}.`, path, own)).toBe(200);
      expect(await statusOf(host, path, await sign(`${issuer}/mcp/runware`))).toBe(200);
      expect(await statusOf(host, path, await sign(`${issuer}/mcp`))).toBe(200);
      expect(await statusOf(host, path, await sign([`${issuer}/mcp/runflow`, `${issuer}/mcp/runware`]))).toBe(
        200,
      );
    },
  );

  test('takes none for another mount, nor does another mount or the deployment take its own', async () => {
    const own = await sign(`${issuer}/mcp/runware`, `https://${host}`);
    const other = await sign(`${issuer}/mcp/runflow`);

    expect(await statusOf(host, '/mcp', other)).toBe(401);
    expect(await statusOf('flow.example', '/', own)).toBe(401);
    expect(await statusOf('ai.example.com', '/mcp', own)).toBe(401);
    expect(await statusOf('ai.example.com', '/', own)).toBe(401);
    // What was verified before is not remembered for where it is not for.
    expect(await statusOf(host, '/', own)).toBe(200);
  });

  test.each([
    `https://${host}/mcp/runware`,
    `${issuer}/mcp/runware/`,
    `${issuer}/mcp/runware/x/run`,
    'https://evil.example/mcp/runware',
  ])('takes no token for %s, which is no name of it', async (audience) => {
    expect(await statusOf(host, '/mcp', await sign(audience))).toBe(401);
  });

  test('takes no token of an issuer that is none of ours', async () => {
    expect(await statusOf(host, '/mcp', await sign(`${issuer}/mcp/runware`, 'https://evil.example'))).toBe(
      401,
    );
  });

  test.each([
    ['/', `https://${host}/`],
    ['/mcp', `https://${host}/mcp`],
    ['/mcp/', `https://${host}/mcp`],
  ])(
    'leads from %s to a document about exactly that address, signed in at this host [RW-40]',
    async (path, resource) => {
      const { challenge } = await ask(host, path, { body: rpc('ping') });
      const led = new URL(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '');
      const { json } = await ask(led.host, led.pathname);

      expect(led.host).toBe(host);
      expect(json).toMatchObject({ resource, authorization_servers: [`https://${host}`] });
    },
  );

  test('names the deployment for the mount of another profile', async () => {
    const { json } = await ask(host, '/.well-known/oauth-protected-resource/mcp/runflow');

    expect(json).toMatchObject({
      resource: `https://${host}/mcp/runflow`,
      authorization_servers: [issuer],
    });
  });
});

describe('the documents of a deployment below a path that serves one profile', () => {
  let narrow: TestGateway;
  const document = '/.well-known/oauth-protected-resource';

  beforeAll(async () => {
    narrow = await startTestGateway({
      env: {
        ...{ INFERRY_AUTH: 'oauth', PUBLIC_URL: `${issuer}/ai`, PROFILES: 'runpod' },
        PROFILE_HOSTS: 'flow.example=runflow',
      },
      serve(services) {
        const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'ES256' };
        services.serve(readJwks, async () => ({
          ...{ issuer: `${issuer}/ai`, audiences: [`${issuer}/ai/mcp`] },
          keys: [jwk],
        }));
        services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
      },
    });
    await vi.waitFor(async () => expect((await narrow.service.readiness()).isReady).toBe(true));
  });
  afterAll(() => narrow.close());

  test.each(['/mcp', '/mcp/runpod', '/mcp/runpod/x/pods', '/mcp/x/run'])(
    'there is one for %s',
    async (path) => {
      for (const below of [path, `/ai${path}`]) {
        const { status, json } = await ask('ai.example.com', `${document}${below}`, { port: narrow.port });

        expect({ status, resource: json.resource }).toEqual({ status: 200, resource: `${issuer}/ai${path}` });
        expect(json.scopes_supported.includes('infra')).toBe(path.includes('runpod'));
      }
    },
  );

  test.each([
    ['ai.example.com', '/mcp/runware'],
    ['ai.example.com', '/ai/mcp/runware'],
    ['ai.example.com', '/mcp/nobody-knows'],
    ['ai.example.com', '/ai/mcp/nobody-knows'],
    ['flow.example', ''],
    ['flow.example', '/mcp'],
  ])('at %s there is none for %s, where nothing is served', async (name, path) => {
    const { status, json } = await ask(name, `${document}${path}`, { port: narrow.port });

    expect({ status, code: json.error?.code }).toEqual({ status: 404, code: 'not_found' });
  });
});

test('the host of PUBLIC_URL is the whole deployment’s and not a profile’s', async () => {
  const env = { INFERRY_AUTH: 'oauth', PUBLIC_URL: issuer, PROFILE_HOSTS: 'ai.example.com=runware' };

  await expect(startTestGateway({ env })).rejects.toThrow('PROFILE_HOSTS');
});
