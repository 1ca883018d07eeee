import { expect, it } from 'vitest';
import { parseAuthConfig } from './config.ts';

it("knows the gateway's limit, 600 a minute by default", () => {
  expect(parseAuthConfig({})).toEqual({ credentialLimit: 600 });
  expect(parseAuthConfig({ RATE_LIMIT_CREDENTIAL: '50' })).toEqual({ credentialLimit: 50 });
});

it('refuses a limit that is no number', () => {
  expect(() => parseAuthConfig({ RATE_LIMIT_CREDENTIAL: 'many' })).toThrow(/RATE_LIMIT_CREDENTIAL/);
});
