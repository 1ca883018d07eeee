import { describe, expect, it } from 'vitest';
import { ConfigError, isLoopback, parseRuntimeConfig } from './config.ts';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseRuntimeConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
  }
  return [];
}

describe('parseRuntimeConfig', () => {
  it('names every problem at once, each with its variable', () => {
    const problems = problemsOf({
      PORT: 'eighty',
      LOG_LEVEL: 'loud',
      INFERRY_SECRET: 'short',
      PUBLIC_URL: 'nowhere',
    });

    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'INFERRY_SECRET',
      'PORT',
      'PUBLIC_URL',
      'LOG_LEVEL',
    ]);
  });

  it('never repeats the value of a secret', () => {
    expect(problemsOf({ INFERRY_SECRET: 'hunter2' }).join()).not.toContain('hunter2');
  });

  it('takes an empty variable for an unset one', () => {
    expect(parseRuntimeConfig({ PORT: '', NATS_URL: '' })).toMatchObject({ port: 8080, natsUrl: undefined });
  });

  it('drops a trailing slash of the public address', () => {
    expect(parseRuntimeConfig({ PUBLIC_URL: 'https://inferry.example.com/' }).publicUrl).toBe(
      'https://inferry.example.com',
    );
  });

  it('prefers S3 to a folder when a bucket is named', () => {
    expect(parseRuntimeConfig({ S3_BUCKET: 'assets', BLOBS_FOLDER: '/data' }).blobs).toMatchObject({
      kind: 's3',
      bucket: 'assets',
    });
  });

  it.each(['0', '65535'])('accepts port %s', (port) => {
    expect(parseRuntimeConfig({ PORT: port }).port).toBe(Number(port));
  });

  it.each(['-1', '65536', '8080x', '1e3'])('refuses port %s', (port) => {
    expect(problemsOf({ PORT: port })).toHaveLength(1);
  });
});

describe('PUBLIC_URL', () => {
  it('may have a path, and nothing else beside its host', () => {
    expect(parseRuntimeConfig({ PUBLIC_URL: 'https://example.com/ai/' }).publicUrl).toBe(
      'https://example.com/ai',
    );
    for (const url of ['https://example.com/?a=b', 'https://example.com/#a', 'https://ada@example.com/'])
      expect(() => parseRuntimeConfig({ PUBLIC_URL: url })).toThrow(ConfigError);
  });
});

describe('isLoopback', () => {
  it.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1'])('is true for %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'localhost.example.com', '127.0.0.1.nip.io'])(
    'is false for %s',
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});
