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
