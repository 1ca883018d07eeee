import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@inferry/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseOAuthConfig } from './config.ts';

function file(content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'inferry-oauth-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'list.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseOAuthConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('the variables of the authorization server', () => {
  it("gives tokens for the gateway's further hosts", () => {
    const { settings } = parseOAuthConfig({ MCP_ALLOWED_HOSTS: 'a.example, b.example:8443' });

    expect(settings.hosts).toEqual(['a.example', 'b.example:8443']);
  });

  it('have defaults: off, 15 minutes, 30 days, a year, a minute of grace', () => {
    const { isOn, settings, clients, enterprise } = parseOAuthConfig({});

    expect(isOn).toBe(false);
    expect(settings).toMatchObject({
      accessTokenSeconds: 900,
      refreshIdleSeconds: 30 * 86_400,
      grantSeconds: 365 * 86_400,
      refreshGraceSeconds: 60,
      reusePolicy: 'revoke',
    });
    expect(settings.redirectHosts).toContain('claude.ai');
    expect([clients, enterprise]).toEqual([[], []]);
  });

  it('add hosts and schemes of apps to the known ones', () => {
    const { settings } = parseOAuthConfig({ OAUTH_ALLOWED_REDIRECTS: 'Agents.Example.com, myapp:' });

    expect(settings.redirectHosts).toContain('agents.example.com');
    expect(settings.redirectHosts).toContain('claude.ai');
    expect(settings.redirectSchemes).toContain('myapp');
  });

  it.each(['*.example.com', 'https://example.com', 'localhost', 'javascript:', 'data:', 'http:', 'a b.com'])(
    'take no %s for a place to send codes to',
    (item) => {
      expect(problemsOf({ OAUTH_ALLOWED_REDIRECTS: item })).toEqual([
        expect.stringContaining('OAUTH_ALLOWED_REDIRECTS'),
      ]);
    },
  );

  it('name files of clients and of identity providers', () => {
    const { clients, enterprise } = parseOAuthConfig({
      OAUTH_CLIENTS_FILE: file([
        { client_id: 'reports', client_secret: 's'.repeat(32), scopes: ['runs:read'] },
      ]),
      OAUTH_ENTERPRISE_FILE: file([{ issuer: 'https://idp.example', jwks_uri: 'https://idp.example/keys' }]),
    });

    expect(clients).toMatchObject([
      { clientId: 'reports', subject: 'client:reports', scopes: ['runs:read'] },
    ]);
    expect(JSON.stringify(clients)).not.toContain('ssss');
    expect(enterprise).toMatchObject([{ issuer: 'https://idp.example', scopes: ['mcp'] }]);
  });

  it('tell every problem at once', () => {
    const problems = problemsOf({
      TRUSTED_PROXIES: 'nonsense',
      OAUTH_ALLOWED_REDIRECTS: '*.com',
      OAUTH_CLIENTS_FILE: file([{ client_id: 'x', client_secret: 'short' }]),
      OAUTH_ENTERPRISE_FILE: '/nowhere/at/all',
    });

    expect(problems.map((problem) => problem.split(':', 1)[0])).toEqual([
      'TRUSTED_PROXIES',
      'OAUTH_ALLOWED_REDIRECTS',
      'OAUTH_CLIENTS_FILE',
      'OAUTH_ENTERPRISE_FILE',
    ]);
  });

  it('let nobody act for himself without a proof of who it is', () => {
    expect(problemsOf({ OAUTH_CLIENTS_FILE: file([{ client_id: 'x' }]) })).toHaveLength(1);
  });
});
