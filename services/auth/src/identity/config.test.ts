import { describe, expect, it } from 'vitest';
import { parseIdentityConfig } from './config.ts';

describe('configuration of signing in', () => {
  it('has accounts of its own that nobody can make, unless it says otherwise', () => {
    const { drivers, canSignUp, branding } = parseIdentityConfig({});

    expect([drivers, canSignUp, branding.name]).toEqual([['local'], false, 'Inferry']);
  });

  it('reads several drivers in their order, and a brand', () => {
    const config = parseIdentityConfig({
      AUTH_DRIVERS: 'oidc, local',
      OIDC_ISSUER: 'https://login.acme.example',
      OIDC_CLIENT_ID: 'inferry',
      OIDC_CLIENT_SECRET: 'secret',
      BRAND_NAME: 'Acme',
      BRAND_COLOR: '#0a7',
      BRAND_LINKS: 'Help=https://acme.example/help?a=b,Privacy=https://acme.example/privacy',
    });

    expect(config.drivers).toEqual(['oidc', 'local']);
    expect(config.branding.links).toEqual([
      { text: 'Help', url: 'https://acme.example/help?a=b' },
      { text: 'Privacy', url: 'https://acme.example/privacy' },
    ]);
    expect(JSON.stringify(config.oidc)).not.toContain('"secret"');
  });

  it.each([
    ['AUTH_DRIVERS', { AUTH_DRIVERS: 'local,magic' }],
    ['PROFILE_BRANDS', { PROFILE_BRANDS: 'runware=Acme' }],
    ['PROFILE_BRANDS', { PROFILE_BRANDS: '{"runware":{"color":"red"}}' }],
    ['PROFILE_BRANDS', { PROFILE_BRANDS: '{"runware":{"logo":"http://a.example/l.png"}}' }],
    [
      'AUTH_SIGN_UP',
      { AUTH_DRIVERS: 'oidc', OIDC_ISSUER: 'https://a.example', OIDC_CLIENT_ID: 'a', AUTH_SIGN_UP: 'open' },
    ],
    ['OIDC_ISSUER', { AUTH_DRIVERS: 'oidc' }],
    ['OIDC_ISSUER', { OIDC_ISSUER: 'http://login.acme.example' }],
    ['HANDOFF_CLAIM_URL', { AUTH_DRIVERS: 'handoff', HANDOFF_PROVIDER: 'runpod' }],
    ['BRAND_LOGO', { BRAND_LOGO: 'http://acme.example/logo.png' }],
    ['BRAND_LOGO', { BRAND_LOGO: "https://acme.example/logo.png; script-src 'unsafe-inline'" }],
    ['BRAND_COLOR', { BRAND_COLOR: 'red;}body{display:none' }],
    ['BRAND_LINKS', { BRAND_LINKS: 'Help=javascript:alert(1)' }],
  ])('refuses a bad %s', (variable, env) => {
    expect(() => parseIdentityConfig(env)).toThrow(new RegExp(`${variable}:`));
  });
});
