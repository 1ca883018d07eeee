import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@inferry/runtime';
import { describe, expect, test } from 'vitest';
import { parseGatewayConfig } from './config.ts';

describe('the configuration', () => {
  test('has a default for everything, and asks for keys [RF-52][RF-57][RF-58][RF-59]', () => {
    const config = parseGatewayConfig({});

    expect(config).toMatchObject({
      auth: 'keys',
      maxBodyBytes: 262_144,
      limits: { credential: 600, ipPreAuth: 30, ipPostAuth: 120 },
      openCallLimits: { perProcess: 20_000, perGrant: 1_000 },
    });
  });

  test('has no limit of open calls for the one user of a loopback system', () => {
    const { openCallLimits } = parseGatewayConfig({ INFERRY_AUTH: 'none' });

    expect(openCallLimits.perGrant).toBe(Number.POSITIVE_INFINITY);
  });

  test('waits ten minutes at most, and as long as the shorter of both variables says [RF-27]', () => {
    const longest = (env: Record<string, string>) =>
      parseGatewayConfig(env).waits.budget('some-agent', 'progress').maxSeconds;

    expect(longest({})).toBe(600);
    expect(longest({ MCP_POLL_TIMEOUT_MS: '90500' })).toBe(90);
    expect(longest({ MCP_POLL_TIMEOUT_MS: '90000', MAX_WAIT_SECONDS: '30' })).toBe(30);
  });

  test('knows of platforms what the versions of mounts tell, and nothing else [RPB-13]', () => {
    const { settings } = parseGatewayConfig({
      ...{ RUNPOD_REST_VERSION: ' v1 ', RUNPOD_REST_VERSION_PODS: '', RUNPOD_API_KEY: 'rpa_secret' },
    });

    expect(settings).toEqual({ RUNPOD_REST_VERSION: 'v1' });
  });

  test('refuses to serve without keys beyond loopback', () => {
    expect(() => parseGatewayConfig({ INFERRY_AUTH: 'none', HOST: '0.0.0.0' })).toThrow(/loopback/);
  });

  test('takes no host that stands for all of them, and as many names as are given [RF-72]', () => {
    const names = 'localhost:8080,127.0.0.1:8080';

    expect(problemsOf(() => parseGatewayConfig({ MCP_ALLOWED_HOSTS: '*' }))).toEqual([
      expect.stringContaining('MCP_ALLOWED_HOSTS'),
    ]);
    expect(problemsOf(() => parseGatewayConfig({ MCP_ALLOWED_HOSTS: `${names},*` }))).toHaveLength(1);
    expect(parseGatewayConfig({ MCP_ALLOWED_HOSTS: names }).allowedHosts).toEqual(
      expect.objectContaining({}),
    );
  });

  test('names every problem at once', () => {
    const env = { MCP_ALLOWED_HOSTS: '*', TOOLSETS: 'run,nothing', TRUSTED_PROXIES: 'proxy' };

    const problems = problemsOf(() => parseGatewayConfig(env));

    expect(problems).toEqual([
      expect.stringContaining('MCP_ALLOWED_HOSTS'),
      expect.stringContaining('TOOLSETS'),
      expect.stringContaining('TRUSTED_PROXIES'),
    ]);
  });

  test('reads which services have prompts and resources, and how many may listen to changes', () => {
    const given = parseGatewayConfig({ MCP_SURFACES: 'catalog,fixtures,catalog', MAX_SUBSCRIPTIONS: '7' });
    const problems = problemsOf(() => parseGatewayConfig({ MCP_SURFACES: 'catalog,a.b' }));

    expect(parseGatewayConfig({}).surfaces).toEqual(['catalog', 'inference']);
    expect(given.surfaces).toEqual(['catalog', 'fixtures']);
    expect(given.subscriptionLimits).toEqual({ perProcess: 7, perGrant: 50 });
    expect(problems).toEqual([expect.stringContaining('MCP_SURFACES')]);
  });

  test('has our icon under our name alone, and takes no icon that clients may not load', () => {
    const [own] = parseGatewayConfig({}).icons;
    const given = parseGatewayConfig({ SERVER_NAME: 'acme', SERVER_ICON: 'https://acme.example/i.png' });
    const problems = problemsOf(() => parseGatewayConfig({ SERVER_ICON: 'http://acme.example/i.png' }));

    expect(own?.src).toMatch(/^data:image\/svg\+xml;base64,/);
    expect(parseGatewayConfig({ SERVER_NAME: 'acme' }).icons).toEqual([]);
    expect(given.icons).toEqual([{ src: 'https://acme.example/i.png' }]);
    expect(problems).toEqual([expect.stringContaining('SERVER_ICON')]);
  });

  test('takes the table of waiting times from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'waits-'));
    const file = join(folder, 'waits.json');
    const row = { client: 'acme', silent: { default: 1, max: 2 }, withProgress: { default: 3, max: 4 } };
    await writeFile(file, JSON.stringify([row]));

    const { waits } = parseGatewayConfig({ WAIT_TABLE_FILE: file });

    expect(waits.budget('acme', 'progress')).toEqual({ defaultSeconds: 3, maxSeconds: 4 });
    await rm(folder, { recursive: true });
  });

  test('says which file cannot be read', () => {
    const problems = problemsOf(() => parseGatewayConfig({ WAIT_TABLE_FILE: '/nowhere/waits.json' }));

    expect(problems).toEqual([expect.stringContaining('WAIT_TABLE_FILE')]);
  });
});

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
