import { ConfigError } from '@inferry/runtime';
import { describe, expect, it } from 'vitest';
import { defaultHome, parseStartConfig } from './config.ts';

describe('parseStartConfig', () => {
  it('needs no token on loopback', () => {
    expect(parseStartConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      auth: 'none',
      baseUrl: 'http://127.0.0.1:8080',
    });
  });

  it('refuses to be reachable from other machines without authentication, and says how', () => {
    expect(() => parseStartConfig({ HOST: '0.0.0.0' })).toThrow(/npm run keys -- create.*INFERRY_AUTH=keys/);
  });

  it('refuses to be told to go without authentication there', () => {
    expect(() => parseStartConfig({ HOST: '0.0.0.0', INFERRY_AUTH: 'none' })).toThrow(ConfigError);
  });

  it('is reachable from other machines with keys', () => {
    expect(parseStartConfig({ HOST: '0.0.0.0', INFERRY_AUTH: 'keys' })).toMatchObject({
      auth: 'keys',
      baseUrl: 'http://localhost:8080',
    });
  });

  it('asks for keys on loopback when told to', () => {
    expect(parseStartConfig({ INFERRY_AUTH: 'keys' }).auth).toBe('keys');
  });

  it('refuses a way of authentication that it does not know', () => {
    expect(() => parseStartConfig({ INFERRY_AUTH: 'magic' })).toThrow(/INFERRY_AUTH/);
  });
});

describe('defaultHome', () => {
  it('lies in the data directory of each system', () => {
    expect(defaultHome({ XDG_DATA_HOME: '/data' }, 'linux')).toBe('/data/inferry');
    expect(defaultHome({}, 'darwin')).toMatch(/Library\/Application Support\/inferry$/);
    expect(defaultHome({ LOCALAPPDATA: '/local' }, 'win32')).toBe('/local/inferry');
  });
});
