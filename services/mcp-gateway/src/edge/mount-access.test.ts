// Holds what a mount tells whoever may not come in, and whose keys it takes, as its profile says.

import type { IncomingMessage } from 'node:http';
import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import {
  type Principal,
  type ProfileAccess,
  readJwks,
  readRevocations,
  readVaultKey,
  verifyPassthrough,
} from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { isRefusal } from '@inferry/mcp';
import { createHttpApp } from '@inferry/runtime';
import { createRecipient } from '@inferry/seals';
import type { FastifyInstance } from 'fastify';
import { exportJWK, generateKeyPair } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { HttpRefusal } from '../http-refusal.ts';
import { type Authentication, openAuthentication } from './open-authentication.ts';

const url = 'https://ai.example.com';
const key = 'rf_live_0123456789abcdef';
const owner: Principal = {
  ...{ subject: 'key:abc', grant_id: 'pt_abc', kind: 'passthrough', scopes: ['mcp', 'infra'] },
};
const facts: Record<string, { access: ProfileAccess; providers: string[] }> = {
  runflow: {
    access: {
      realm: 'runflow-mcp',
      keyPrefixes: { rf_live_: 'runflow' },
      refusedPrefixes: { rf_svc_: 'Keys of services (rf_svc_…) start no runs: send an rf_live_… key.' },
      isAlwaysExplained: true,
    },
    providers: ['runflow'],
  },
  modelrunner: { access: { scope: 'mcp' }, providers: ['modelrunner'] },
  runpod: { access: { scope: 'mcp infra', keyPrefixes: { rpa_: 'runpod' } }, providers: ['runpod'] },
};

let bus: Bus;
let services: Bus;
let app: FastifyInstance | undefined;
let auth: Authentication;
let asked: string[];

beforeEach(async () => {
  const transport = createInProcessTransport();
  const vault = createRecipient();
  const { publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1' };
  asked = [];
  services = createBus(transport, { name: 'services' });
  bus = createBus(transport, { name: 'mcp-gateway' });
  services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
  services.serve(readJwks, async () => ({ issuer: url, audiences: [`${url}/mcp`], keys: [jwk] }));
  services.serve(readVaultKey, async () => ({ public_key: vault.publicKey }));
  services.serve(verifyPassthrough, async ({ provider, sealed }) => {
    asked.push(`${provider} ${vault.open(sealed, purposes.passthrough(provider)).reveal()}`);
    return { principal: owner, cache_seconds: 60 };
  });
});
afterEach(async () => {
  auth.close();
  await app?.close();
  app = undefined;
  await Promise.all([bus.close(), services.close()]);
});

async function open(kind: 'keys' | 'oauth', accepted: { prefix: string; provider: string }[] = []) {
  auth = await openAuthentication(
    {
      ...{ auth: kind, publicUrl: kind === 'oauth' ? url : undefined, maxStaleMs: 0 },
      profileHosts: [{ host: 'mcp.flow.example', profile: 'runflow' }],
      keyPrefixes: { accepted, refused: ['rf_svc_'] },
      serverInfo: { name: 'inferry', title: 'Inferry', version: '0' },
    },
    {
      ...{ bus, log: { warn: () => undefined }, onRevoked: () => undefined },
      profiles: (profile) => facts[profile],
    },
  );
  await vi.waitFor(() =>
    expect(Object.values(auth.problems()).filter((problem) => problem !== undefined)).toEqual([]),
  );
}

function requestTo(path: string, bearer?: string, host = 'ai.example.com'): IncomingMessage {
  const headers = { host, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) };
  // as: what is asked of a request here is its address and its headers.
  return { url: path, headers, socket: {} } as unknown as IncomingMessage;
}

async function come(path: string, bearer?: string, host?: string): Promise<Principal | HttpRefusal> {
  const principal = await auth.authenticate?.(requestTo(path, bearer, host));
  if (principal === undefined) throw new Error('nobody is asked who they are');
  return principal;
}

async function refusedAt(path: string, bearer?: string, host?: string) {
  const outcome = await come(path, bearer, host);
  if (!isRefusal(outcome)) throw new Error('was let in');
  const { status, data, message, headers } = outcome;
  return { status, code: data.code, message, challenge: headers?.['www-authenticate'] };
}

async function metadataAt(path: string, host = 'ai.example.com') {
  if (app === undefined) {
    app = await createHttpApp([]);
    auth.mount(app);
  }
  const answer = await app.inject({ url: `/.well-known/oauth-protected-resource${path}`, headers: { host } });
  return { status: answer.statusCode, json: answer.json() };
}

describe('a profile that explains every refusal', () => {
  test.each([
    [undefined, 'missing_authorization'],
    ['sk_other_0123456789abcdef', 'malformed_authorization'],
    ['$RUNFLOW_API_KEY', 'malformed_authorization'],
  ])(
    'has its realm, an error and the metadata in each 401: %s is %s [RF-47][RF-53][RF-54]',
    async (bearer, code) => {
      await open('keys');

      expect(await refusedAt('/mcp/runflow', bearer)).toMatchObject({
        ...{ status: 401, code },
        challenge:
          'Bearer realm="runflow-mcp", error="invalid_token", ' +
          'resource_metadata="http://ai.example.com/.well-known/oauth-protected-resource/mcp/runflow"',
      });
    },
  );

  test('at a host of its own has that host in them', async () => {
    await open('oauth');

    expect((await refusedAt('/mcp', undefined, 'mcp.flow.example')).challenge).toBe(
      'Bearer realm="runflow-mcp", error="invalid_token", scope="mcp", ' +
        'resource_metadata="https://mcp.flow.example/.well-known/oauth-protected-resource/mcp"',
    );
  });

  test('has a document of the resource where nobody signs in; the others have none [RF-48]', async () => {
    await open('keys');

    expect(await metadataAt('/mcp/runflow')).toEqual({
      status: 200,
      json: {
        resource: 'http://ai.example.com/mcp/runflow',
        bearer_methods_supported: ['header'],
        resource_name: 'Inferry',
      },
    });
    expect((await metadataAt('', 'mcp.flow.example')).json.resource).toBe('http://mcp.flow.example/');
    for (const path of ['', '/mcp', '/mcp/modelrunner']) expect((await metadataAt(path)).status).toBe(404);
  });

  test('takes keys of its platform without a word of the operator, and only there [RF-04][RF-46]', async () => {
    await open('keys');

    expect(await come('/mcp/runflow', key)).toEqual(owner);
    expect(await come('/', key, 'mcp.flow.example')).toEqual(owner);
    expect(await refusedAt('/mcp', key)).toMatchObject({ code: 'malformed_authorization' });
    expect(await refusedAt('/mcp/runpod', key)).toMatchObject({ code: 'malformed_authorization' });
    expect(asked).toEqual([`runflow ${key}`]);
  });

  test('says why keys of services are refused by design [RF-06]', async () => {
    await open('keys');

    expect(await refusedAt('/mcp/runflow', 'rf_svc_0123456789abcdef')).toMatchObject({
      code: 'malformed_authorization',
      message: expect.stringContaining('rf_live_'),
    });
    expect((await refusedAt('/mcp', 'rf_svc_0123456789abcdef')).message).toContain('rf_svc_');
    expect(asked).toEqual([]);
  });

  test('takes no other platform’s key, though the operator accepts it elsewhere', async () => {
    await open('keys', [{ prefix: 'r8_', provider: 'replicate' }]);

    expect(await come('/mcp', 'r8_0123456789abcdef')).toEqual(owner);
    expect(await refusedAt('/mcp/runflow', 'r8_0123456789abcdef')).toMatchObject({
      code: 'malformed_authorization',
    });
  });
});

describe('the scope of a profile', () => {
  test.each([
    ['/mcp/modelrunner', 'mcp'],
    ['/mcp/runpod', 'mcp infra'],
    ['/mcp', 'mcp'],
  ])('is what %s asks a sign-in for: %s [MR-53]', async (path, scope) => {
    await open('oauth');

    const { challenge } = await refusedAt(path);

    expect(challenge).toContain(`scope="${scope}"`);
    expect(challenge).toContain(`resource_metadata="${url}/.well-known/oauth-protected-resource${path}"`);
  });

  test('is all that its document lists; the deployment’s lists none that is granted by name alone', async () => {
    await open('oauth');

    expect((await metadataAt('/mcp/modelrunner')).json.scopes_supported).toEqual(['mcp']);
    expect((await metadataAt('/mcp/runpod')).json.scopes_supported).toEqual(['mcp', 'infra']);
    expect((await metadataAt('/mcp')).json.scopes_supported).toContain('runs:write');
    expect((await metadataAt('/mcp')).json.scopes_supported).not.toContain('infra');
  });

  test('does not replace what a call lacks', async () => {
    await open('oauth');

    const wanted = { error: 'insufficient_scope', scope: 'runs:write' } as const;
    const header = auth.challenge(wanted, requestTo('/mcp/modelrunner'))['www-authenticate'];

    expect(header).toContain('scope="runs:write"');
  });
});
