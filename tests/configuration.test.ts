/** Whatever stands in a variable: the answer is a sentence, never a stack trace, and all problems come at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkServices, parseStartConfig } from '@inferry/cli';
import { ConfigError, parseRuntimeConfig, readSecrets, withSecretFiles } from '@inferry/runtime';
import { describe, expect, it, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const example = readFileSync(join(root, '.env.example'), 'utf8');
const variables = [...example.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name);
const nonsense = ['nonsense, "§$%&/()=?"', '-1', 'http://'];

/** Everything that the embedded system and the services read before they connect. */
async function readEverything(env: Record<string, string>): Promise<void> {
  const all = withSecretFiles(env);
  parseRuntimeConfig(all);
  parseStartConfig(all);
  readSecrets('auth', { INFERRY_SECRET: 's'.repeat(32), ...all });
  for (const auth of ['none', 'oauth'] as const)
    await checkServices(all, auth, 'https://inferry.example.com');
}

test.each(variables)('%s with nonsense in it is told in a sentence, or taken', async (name) => {
  for (const value of nonsense) {
    for (const variable of [name, `${name}_FILE`]) {
      const error = await readEverything({ [variable]: value }).then(
        () => undefined,
        (failure: unknown) => failure,
      );

      if (error === undefined) continue;
      expect([variable, value, error]).toEqual([variable, value, expect.any(ConfigError)]);
      if (error instanceof ConfigError) expect(error.problems.join('\n')).not.toMatch(/^ {4}at /m);
    }
  }
});

const wrong = {
  PORT: 'abc',
  LOG_LEVEL: 'loud',
  TOOLSETS: 'everything',
  PROVIDERS: 'nope',
  CATALOG_SYNC_SECONDS: '1',
  PUBLIC_URL: 'https://example.com/?a=b',
  INFERRY_EXTRA_PROVIDERS: './not-there.ts',
};

interface Ended {
  code: number | null;
  text: string;
}

async function run(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  const flags = ['--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
  const [code] = await once(child, 'close');
  return { code, text };
}

describe('a process', () => {
  const mains = ['auth', 'catalog', 'inference-poller', 'upload', 'compute', 'mcp-gateway'];

  test.each(mains)('of %s tells every problem at once and ends with 2', async (service) => {
    const { code, text } = await run([`services/${service}/src/main.ts`], {
      PORT: 'abc',
      PUBLIC_URL: 'x',
      PROVIDERS: 'nope',
    });

    expect(code).toBe(2);
    expect(text).toContain('PORT: must be a whole number');
    expect(text).toContain('PUBLIC_URL: must be an http or https URL');
    expect(text).toContain('INFERRY_SECRET: must be set');
    if (['auth', 'catalog', 'inference-poller', 'compute'].includes(service))
      expect(text).toContain('there is no adapter \\"nope\\"');
    expect(text).not.toMatch(/\\n {4}at |"stack"|^ {4}at /m);
  });

  it.each(['start', 'cluster'])('of %s tells every problem at once and ends with 2', async (command) => {
    const { code, text } = await run(['cli/src/main.ts', command], wrong);

    expect(code).toBe(2);
    for (const name of ['PORT', 'LOG_LEVEL', 'TOOLSETS', 'PROVIDERS', 'CATALOG_SYNC_SECONDS']) {
      expect(text).toContain(`${name}: `);
    }
    expect(text).not.toMatch(/^ {4}at /m);
  });

  it.each([
    [
      'RUNPOD_REST_VERSION',
      { RUNPOD_REST_VERSION: 'v3', RUNPOD_API_KEY: 'rpa_x' },
      'neither v1, v2 nor auto',
    ],
    ['OPENAI_MODEL_KINDS', { OPENAI_MODEL_KINDS: 'x=y', OPENAI_API_KEY: 'sk' }, 'is not name=kind'],
    [
      'PROVIDER_FILES',
      { PROVIDER_FILES: '/nowhere/acme.yaml' },
      '/nowhere/acme.yaml cannot be read (ENOENT)',
    ],
    ['INFERRY_EXTRA_PROVIDERS', { INFERRY_EXTRA_PROVIDERS: './nowhere.ts' }, 'cannot be loaded'],
    ['HOST', { HOST: '0.0.0.0' }, 'is reachable from other machines'],
    ['AUTH_KEKS_FILE', { AUTH_KEKS_FILE: '/nowhere/keks' }, 'cannot be read'],
    ['DATABASE_URL_FILE', { DATABASE_URL_FILE: '/nowhere/url' }, 'cannot be read (ENOENT)'],
  ])('of npm start with a wrong %s says what is wrong in a line', async (name, env, sentence) => {
    const home = await mkdtemp(join(tmpdir(), 'inferry-configuration-'));
    const { code, text } = await run(['cli/src/main.ts', 'start'], { INFERRY_HOME: home, PORT: '0', ...env });
    await rm(home, { recursive: true });

    expect(text).toContain(sentence);
    expect(text).toContain(name);
    expect(text).not.toMatch(/^ {4}at /m);
    expect(code).toBe(2);
  });

  it('of npm start ends with a sentence when its data folder cannot be used', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'inferry-configuration-'));
    await writeFile(join(folder, 'file'), '');
    const asFile = await run(['cli/src/main.ts', 'start'], { INFERRY_HOME: join(folder, 'file'), PORT: '0' });
    await writeFile(join(folder, 'inferry.db'), 'no database at all '.repeat(500));
    const asText = await run(['cli/src/main.ts', 'start'], { INFERRY_HOME: folder, PORT: '0' });
    await rm(folder, { recursive: true });

    expect(asFile).toMatchObject({ code: 1, text: expect.stringContaining(join(folder, 'file')) });
    expect(asText).toMatchObject({ code: 2, text: expect.stringContaining('is damaged or is no database') });
    expect(asFile.text + asText.text).not.toMatch(/^ {4}at /m);
  });
});
