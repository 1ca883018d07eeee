import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createBus, createInProcessTransport } from '@inferry/bus';
import { localPrincipal, readJwks, Secret } from '@inferry/contracts';
import { openDatabase } from '@inferry/database';
import { createInProcessLimits } from '@inferry/limits';
import { createHttpApp, type HttpService, type Parts } from '@inferry/runtime';
import { describe, expect, it, vi } from 'vitest';
import { createAuthService, parseAuthorization } from '../index.ts';

async function open(env: Record<string, string>): Promise<{
  service: HttpService;
  ask(): Promise<unknown>;
  get(path: string): Promise<{ status: number; body: string }>;
  close(): Promise<void>;
}> {
  const transport = createInProcessTransport();
  const bus = createBus(transport, { name: 'auth' });
  const others = createBus(transport, { name: 'others' });
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  // as: the service logs by these alone.
  const log = {
    error: () => undefined,
    warn: () => undefined,
    info: () => undefined,
  } as unknown as Parts['log'];
  const authorization = parseAuthorization(env, {
    publicUrl: 'https://mcp.example',
    secret: new Secret('x'.repeat(43)),
  });
  const service = await createAuthService(
    { bus, database, limits: createInProcessLimits(), log },
    { authorization },
  );
  const app = await createHttpApp([service]);
  return {
    service,
    ask: () => others.call(readJwks, {}, { principal: localPrincipal }),
    async get(url) {
      const { statusCode, payload } = await app.inject({ url, headers: { host: 'mcp.example' } });
      return { status: statusCode, body: payload };
    },
    async close() {
      await app.close();
      await service.drain(1_000);
      await service.close();
      await Promise.all([bus.close(), others.close()]);
      await database.close();
    },
  };
}

/** Files that are loaded with a file, without what it loads later. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type)[^;]*? from '([^']+)'/gm);
  for (const [, name = ''] of imports) {
    if (name.startsWith('.')) loadedWith(join(dirname(file), name), seen);
    else seen.add(name);
  }
  return seen;
}

describe('the auth service', () => {
  it('does not load the engine for commands and deployments without OAuth', () => {
    const eager = loadedWith(join(import.meta.dirname, '..', 'index.ts'));
    const lazy = loadedWith(join(import.meta.dirname, '..', 'open-authorization.ts'));

    expect(eager).not.toContain('oidc-provider');
    expect(lazy).toContain('oidc-provider');
  });

  it('starts without a word of its dependencies about the pinned Node', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);

    const auth = await open({ INFERRY_AUTH: 'oauth' });
    await auth.close();

    expect(warned.mock.calls).toEqual([]);
    warned.mockRestore();
  });

  it('with OAuth tells gateways the issuer, the audiences and the keys, as it publishes them', async () => {
    const auth = await open({ INFERRY_AUTH: 'oauth' });

    const told = await auth.ask();
    const published = await auth.get('/oauth/jwks');

    expect(told).toEqual({
      issuer: 'https://mcp.example',
      audiences: ['https://mcp.example/mcp', 'https://mcp.example', 'https://mcp.example/'],
      keys: JSON.parse(published.body).keys,
    });
    await auth.close();
  });

  it('without OAuth has no authorization server: clients are not led into a sign-in that is not there', async () => {
    const auth = await open({});

    const answers = await Promise.all(
      ['/.well-known/oauth-authorization-server', '/oauth/authorize', '/oauth/jwks'].map(auth.get),
    );

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(() => answers.map(({ body }) => JSON.parse(body))).not.toThrow();
    await expect(auth.ask()).rejects.toMatchObject({ code: 'unavailable' });
    await auth.close();
  });
});
