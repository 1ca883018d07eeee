import { expect, it } from 'vitest';
import { parseAuthConfig } from './config.ts';

it("knows the gateway's limit, 600 a minute by default", () => {
  expect(parseAuthConfig({}).credentialLimit).toBe(600);
  expect(parseAuthConfig({ RATE_LIMIT_CREDENTIAL: '50' }).credentialLimit).toBe(50);
  expect(parseAuthConfig({ RATE_LIMIT_CREDENTIAL: '900' }).subjectLimit).toBe(900);
  expect(parseAuthConfig({ RATE_LIMIT_SUBJECT: '70' }).subjectLimit).toBe(70);
});

it('stores keys that callers bring along unless it is told not to, and has no vault without vault keys', () => {
  expect(parseAuthConfig({})).toMatchObject({ keks: undefined, passthroughKeys: 'stored' });
});

it('refuses a limit that is no number', () => {
  expect(() => parseAuthConfig({ RATE_LIMIT_CREDENTIAL: 'many' })).toThrow(/RATE_LIMIT_CREDENTIAL/);
});
