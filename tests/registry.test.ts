// What others read before anybody connects: held against the published schemas, and by the tool of the bundle's format.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpackExtension, validateManifest } from '@anthropic-ai/mcpb';
import { startTestGateway } from '@inferry/mcp-gateway/testing';
import { listedByDefault, profiles } from '@inferry/profiles';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildBundle } from '../scripts/mcpb.ts';
import { bundleManifest, marketplaceJson, serverJson } from '../scripts/registry.ts';

const root = join(import.meta.dirname, '..');

function schemaNamed(name: string): object {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/registry', name), 'utf8'));
}

/** The rules of the schemas published at static.modelcontextprotocol.io, without their texts. */
const isServer = addFormats.default(new Ajv({ strict: false })).compile(schemaNamed('server.schema.json'));
const isCard = addFormats
  .default(new Ajv2020({ strict: false }))
  .compile({ ...schemaNamed('server-card.schema.json'), $ref: '#/$defs/ServerCard' });

describe('server.json', () => {
  const server = JSON.parse(serverJson());

  it('stands in the repository as it follows from the package, and keeps the registry’s schema', () => {
    expect(readFileSync(join(root, 'server.json'), 'utf8')).toBe(serverJson());
    expect([isServer(server), isServer.errors]).toEqual([true, null]);
  });

  it('names the package as the package names it, in one version', () => {
    const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

    expect(server.name).toBe(own.mcpName);
    expect([server.version, server.packages[0].version]).toEqual([own.version, own.version]);
  });

  it('is told of what is wrong with one', () => {
    expect(isServer({ ...server, name: 'no namespace' })).toBe(false);
    expect(isServer({ ...server, description: 'x'.repeat(101) })).toBe(false);
  });
});

describe('the marketplace of Claude Code', () => {
  const path = join(root, '.claude-plugin/marketplace.json');
  const { plugins, ...marketplace } = JSON.parse(marketplaceJson());

  it('stands in the repository as it follows from the package and the profiles, in their version [RPB-15]', () => {
    const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

    expect(readFileSync(path, 'utf8')).toBe(marketplaceJson());
    expect(marketplace).toMatchObject({ name: 'inferry', owner: { name: 'Inferry' } });
    expect(new Set(plugins.map(({ version }: { version: string }) => version))).toEqual(
      new Set([own.version]),
    );
    expect(plugins.map(({ name }: { name: string }) => name)).toEqual([
      ...profiles.map(({ key }) => key),
      'inferry-server',
    ]);
  });

  it('has a plugin for each profile, which is that server and needs no file beside its entry [RPB-15]', () => {
    const servers = plugins.map(({ name, mcpServers }: { name: string; mcpServers: object }) => [
      name,
      mcpServers,
    ]);
    const entries = new Map<string, object>(servers);

    expect(entries.get('runpod')).toEqual({
      runpod: { command: 'npx', args: ['-y', 'inferry', 'stdio', '--profile', 'runpod'] },
    });
    expect(entries.get('inferry')).toEqual({
      inferry: { command: 'npx', args: ['-y', 'inferry', 'stdio'] },
    });
    expect(entries.get('inferry-server')).toEqual({
      'inferry-server': { type: 'http', url: expect.stringMatching(/^\$\{INFERRY_URL:-http:.*\/mcp\}$/) },
    });
    for (const { name, source, strict } of plugins) {
      expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
      expect([existsSync(join(root, source)), strict]).toEqual([true, false]);
    }
    expect(readFileSync(path, 'utf8')).not.toMatch(/_KEY|_TOKEN/);
  });
});

describe('server cards', () => {
  it('keep their schema on every mount and in every way in', async () => {
    const env = [
      { SERVER_TITLE: 'W'.repeat(64) },
      { INFERRY_AUTH: 'keys', SERVER_ICON: 'https://cdn.example/icon.png' },
      { INFERRY_AUTH: 'oauth', PUBLIC_URL: 'https://ai.example.com/ai' },
    ];
    for (const each of env) {
      const gateway = await startTestGateway({ env: each });
      try {
        for (const mount of ['', '/modelrunner', '/runflow', '/runware', '/runpod', '/runpod-4']) {
          const answer = await fetch(`${gateway.url}${mount}/server-card`);
          const card = await answer.json();

          expect([mount, isCard(card), isCard.errors]).toEqual([mount, true, null]);
        }
      } finally {
        await gateway.close();
      }
    }
  });
});

describe('the bundle for desktop clients', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bundle-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is packed with what the package depends on, and accepted by the format’s validator', async () => {
    const made = join(folder, 'package');
    mkdirSync(join(made, 'assets'), { recursive: true });
    writeFileSync(join(made, 'package.json'), '{"name":"inferry","version":"1.0.0"}');
    writeFileSync(join(made, 'inferry.mjs'), '');
    writeFileSync(join(made, 'assets/icon.png'), readFileSync(join(root, 'cli/assets/icon.png')));
    execFileSync('tar', ['czf', join(folder, 'inferry-1.0.0.tgz'), '-C', folder, 'package']);

    const bundle = await buildBundle(join(folder, 'inferry-1.0.0.tgz'), (server) => {
      mkdirSync(join(server, 'node_modules/dep'), { recursive: true });
      writeFileSync(join(server, 'node_modules/dep/index.js'), '');
    });
    const unpacked = join(folder, 'unpacked');
    await unpackExtension({ mcpbPath: bundle, outputDir: unpacked, silent: true });

    expect(bundle).toBe(join(folder, 'inferry-1.0.0.mcpb'));
    expect(validateManifest(join(unpacked, 'manifest.json'))).toBe(true);
    for (const file of ['icon.png', 'server/inferry.mjs', 'server/node_modules/dep/index.js'])
      expect(existsSync(join(unpacked, file))).toBe(true);
  });

  it('names the tools, and asks for keys as secrets that nobody has to give', () => {
    const { tools, user_config: asked, server } = bundleManifest();

    expect(tools).toEqual(listedByDefault.map(({ name, title }) => ({ name, description: title })));
    expect(asked).toMatchObject({ runware_api_key: { sensitive: true, required: false, default: '' } });
    expect(server).toMatchObject({
      mcp_config: { env: { RUNWARE_API_KEY: '${' + 'user_config.runware_api_key}' } },
    });
  });
});
