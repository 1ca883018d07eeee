import { expect, it } from 'vitest';
import { startEmulatedPlatforms } from './emulated-platforms.ts';

it('gives every platform an emulator and a key, and keeps what is set', async () => {
  const { env, close } = await startEmulatedPlatforms({
    OPENAI_API_KEY: 'sk-mine',
    LOG_LEVEL: 'warn',
    HF_TOKEN: '',
  });
  await close();

  expect(env.INFERRY_EMULATORS).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(env).toMatchObject({ OPENAI_API_KEY: 'sk-mine', LOG_LEVEL: 'warn' });
  expect(env.HF_TOKEN).toMatch(/^hf_emulated-valid/);
});

it('has the console that Runpod’s users sign in at, whose approval gives a key that is good at the emulated platform', async () => {
  const { env, close } = await startEmulatedPlatforms({ CONSOLE_BASE_URL: '' });
  const [graphql = '', console = ''] = [env.RUNPOD_GRAPHQL_URL, env.CONSOLE_BASE_URL];
  const ask = async (query: string) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(graphql, { method: 'POST', headers, body: JSON.stringify({ query }) });
    // as: the emulated console answers so.
    return ((await response.json()) as { data: Record<string, Record<string, string>> }).data;
  };
  const { createFlashAuthRequest: { id = '' } = {} } = await ask(
    'mutation { createFlashAuthRequest { id status } }',
  );
  const asked = new URLSearchParams({ request: id, redirect_uri: 'http://127.0.0.1:9/callback', state: 's' });
  const page = await (await fetch(`${console}/integrations/mcp/login?${asked}`)).text();
  const approved = await fetch(`${console}/decide?${asked}&decision=approve`, { redirect: 'manual' });
  const told = await ask(`query { flashAuthRequestStatus(flashAuthRequestId: "${id}") { status apiKey } }`);
  await close();

  expect(page).toContain('Approve');
  expect(approved.headers.get('location')).toBe(`http://127.0.0.1:9/callback?state=s&code=${id}`);
  expect(told.flashAuthRequestStatus).toMatchObject({ status: 'APPROVED', apiKey: env.RUNPOD_API_KEY });
  expect(env.AUTH_DRIVERS).toBe('local,runpod');
});

it('leaves the ways to sign in that are set', async () => {
  const { env, close } = await startEmulatedPlatforms({ AUTH_DRIVERS: 'apikey' });
  await close();

  expect(env.AUTH_DRIVERS).toBe('apikey');
});
