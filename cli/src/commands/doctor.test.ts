import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '@inferry/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseStartConfig } from '../config.ts';
import type { Finding } from '../doctor/finding.ts';
import { checkNode, roomFinding } from '../doctor/machine.ts';
import { certificateFinding, checkClock, providerFinding } from '../doctor/server.ts';
import { startEmbedded } from '../embedded.ts';
import { doctor } from './doctor.ts';

let home: string;
const toClose: (() => Promise<unknown> | unknown)[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'inferry-doctor-'));
});
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
  rmSync(home, { recursive: true, force: true });
  vi.restoreAllMocks();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  toClose.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener) => listen(createServer(listener));

interface Report {
  code: number | undefined;
  findings: Finding[];
  text: string;
}

async function examine(env: Record<string, string> = {}, ...args: string[]): Promise<Report> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const PORT = env.PORT ?? String(await freePort());
  const code = await doctor(['--json', ...args], {
    HOME: home,
    INFERRY_HOME: join(home, 'data'),
    ...env,
    PORT,
  });
  vi.restoreAllMocks();
  return { code, findings: JSON.parse(text).findings, text };
}

/** The finding about something that is not well, which always says what to do. */
function trouble(findings: readonly Finding[], about: string): Finding | undefined {
  const found = findings.find(
    (one) => one.about === about && (one.state === 'fault' || one.state === 'warning'),
  );
  if (found !== undefined) expect(found.next).toMatch(/\w/);
  return found;
}

function file(path: string, text: string, mode = 0o600): string {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  chmodSync(full, mode);
  return full;
}

describe('the doctor, on one machine', () => {
  it('tells that the server does not run, and nothing else is wrong', async () => {
    const { code, findings } = await examine();
    expect(code).toBe(1);
    expect(findings.filter(({ state }) => state === 'fault').map(({ about }) => about)).toEqual(['server']);
  });

  it('finds a wrong variable, by name, and goes on', async () => {
    const { findings } = await examine({ INFERRY_AUTH: 'maybe' });
    expect(trouble(findings, 'configuration')?.message).toContain('INFERRY_AUTH');
    expect(findings.some(({ about }) => about === 'Node')).toBe(true);
  });

  it('finds an address that is open to the network without authentication', async () => {
    const { findings } = await examine({ HOST: '0.0.0.0' });
    expect(trouble(findings, 'configuration')?.message).toContain('HOST');
  });

  it('finds a port that another program has, whether it speaks HTTP or not', async () => {
    const http = await serve((_request, response) => response.end('hello'));
    expect(trouble((await examine({ PORT: String(http) })).findings, 'port')?.message).toContain(
      'another program',
    );
    const tcp = createTcpServer((socket) => socket.end('220 smtp\r\n'));
    const port = await listen(tcp);
    expect(trouble((await examine({ PORT: String(port) })).findings, 'port')?.message).toContain(
      'does not speak HTTP',
    );
  });

  it('finds a data folder that is a file', async () => {
    const { findings } = await examine({ INFERRY_HOME: file('data', 'x') });
    expect(trouble(findings, 'data folder')?.message).toContain('is a file');
  });

  it('finds secrets that others can read', async () => {
    file('data/secret', 'x', 0o644);
    expect(trouble((await examine()).findings, 'secrets')?.next).toContain('chmod 600');
  });

  it('finds a damaged database', async () => {
    file('data/inferry.db', 'this is no database, and long enough to be looked at'.repeat(40));
    expect(trouble((await examine()).findings, 'database')).toBeDefined();
  });

  it.each([
    ['database', { DATABASE_URL: 'postgres://u:very-secret@127.0.0.1:1/x' }],
    ['bus', { NATS_URL: 'nats://u:very-secret@127.0.0.1:1' }],
    ['Redis', { REDIS_URL: 'redis://:very-secret@127.0.0.1:1' }],
  ])(
    'finds a %s that is away, and shows no password',
    async (about, env) => {
      const { findings, text } = await examine(env);
      expect(trouble(findings, about)).toBeDefined();
      expect(text).not.toContain('very-secret');
    },
    30_000,
  );

  it('finds a proxy that is none, and certificates that are not there or no certificates', async () => {
    const { findings } = await examine({ HTTPS_PROXY: 'proxy', NODE_EXTRA_CA_CERTS: join(home, 'none.pem') });
    expect(trouble(findings, 'proxy')?.message).toContain('HTTPS_PROXY');
    expect(trouble(findings, 'certificates')?.message).toContain('NODE_EXTRA_CA_CERTS');
    const { findings: others } = await examine({ NODE_EXTRA_CA_CERTS: file('ca.pem', 'hello') });
    expect(trouble(others, 'certificates')?.message).toContain('no certificate');
  });

  it('tells an old Node, little room, clocks apart, certificates that end, and providers without a key', () => {
    const day = 86_400_000;
    expect(checkNode('20.19.0').state).toBe('fault');
    expect(checkNode('26.10.0').state).toBe('ok');
    expect(roomFinding(5e6, '/x').state).toBe('fault');
    expect(roomFinding(5e8, '/x').state).toBe('warning');
    expect(roomFinding(5e9, '/x').state).toBe('ok');
    const date = 'Mon, 30 Nov 2026 12:00:00 GMT';
    expect(checkClock(date, Date.parse(date) + 120_000)[0]).toMatchObject({ state: 'warning' });
    expect(checkClock(date, Date.parse(date) + 2_000)[0]).toMatchObject({ state: 'ok' });
    expect(checkClock(null, 0)).toEqual([]);
    expect(certificateFinding(0, 3 * day).state).toBe('fault');
    expect(certificateFinding(3 * day, 0).state).toBe('warning');
    expect(certificateFinding(90 * day, 0).state).toBe('ok');
    expect(providerFinding({ slug: 'fal', connected: false }).state).toBe('warning');
    expect(providerFinding({ slug: 'fal', connected: true, key_ok: false }).state).toBe('fault');
    expect(providerFinding({ slug: 'fal' }).state).toBe('unknown');
  });

  it('says in one line what is wrong with its own arguments', async () => {
    await expect(doctor(['--url', 'ftp://x'], {})).rejects.toThrow('--url');
  });
});

describe('the doctor, at a server', () => {
  it('finds all well at a started system, by a real client', async () => {
    const env = {
      HOME: home,
      INFERRY_HOME: join(home, 'data'),
      LOG_LEVEL: 'silent',
      PORT: '0',
      PROVIDERS: 'local',
    };
    const system = await startEmbedded(parseStartConfig(env), env);
    toClose.push(() => system.close(1_000));

    const origin = `http://127.0.0.1:${system.port}`;
    await expect.poll(async () => (await fetch(`${origin}/readyz`)).status, { timeout: 20_000 }).toBe(200);

    const { code, findings } = await examine({}, '--url', `${origin}/mcp`);

    expect(findings.filter(({ state }) => state === 'fault')).toEqual([]);
    expect(code).toBe(0);
    expect(findings.find(({ about }) => about === 'tools')?.message).toMatch(/\d+ tools/);
    expect(findings.find(({ about }) => about === 'provider local')?.state).toBe('ok');
  }, 60_000);

  it('finds a server that is not ready, and says what it waits for', async () => {
    const port = await serve((_request, response) =>
      response.writeHead(503).end('{"status":"starting","waits_for":"database"}'),
    );
    const { findings } = await examine({}, '--url', `http://127.0.0.1:${port}/mcp`);
    expect(trouble(findings, 'server')?.message).toContain('database');
  });

  it('finds that an address is no MCP server', async () => {
    const port = await serve((_request, response) => response.end('<html>hello</html>'));
    const { findings } = await examine({}, '--url', `http://127.0.0.1:${port}/other`);
    expect(trouble(findings, 'mount')?.next).toContain('/mcp');
  });

  it('finds a key that is refused, and sign-in that leads elsewhere', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/readyz') return response.end('{"status":"ok"}');
      if (request.url?.startsWith('/.well-known') === true) {
        const body = {
          resource: 'https://elsewhere.example/mcp',
          authorization_servers: ['https://elsewhere.example'],
        };
        return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      }
      return response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
    });
    const url = `http://127.0.0.1:${port}/mcp`;
    const { findings } = await examine({ INFERRY_KEY: 'ifr_wrong' }, '--url', url);
    expect(trouble(findings, 'key')?.next).toContain('npm run keys -- create');
    const packaged = await examine({ INFERRY_KEY: 'ifr_wrong', INFERRY_STARTED_AS: 'package' }, '--url', url);
    expect(trouble(packaged.findings, 'key')?.next).toContain('inferry keys create');
    const { findings: others } = await examine({}, '--url', url);
    expect(trouble(others, 'sign-in')?.next).toContain('PUBLIC_URL');
  });
});

describe('the doctor, of clients', () => {
  it('finds what is wrong with entries that point here, and leaves others alone', async () => {
    file(
      '.cursor/mcp.json',
      '{"mcpServers":{"inferry":{"url":"http://localhost:9/"},"x":{"url":"https://other.example"}}}',
    );
    file('.gemini/settings.json', '{ "mcpServers": {');
    file(
      '.config/Code/User/mcp.json',
      '{"servers":{"a":{"url":"http://127.0.0.1:9/mcp","headers":{"Authorization":"Bearer $KEY"}}}}',
    );
    file(
      '.codex/config.toml',
      '[mcp_servers.runware]\ncommand = "npx"\nargs = ["-y", "inferry", "stdio"]\nenv = { K = "rw_1234567890" }\n',
      0o644,
    );
    file(
      '.config/opencode/opencode.json',
      '{"mcp":{"inferry":{"type":"remote","url":"http://localhost:9/mcp","enabled":false}}}',
    );

    const { findings } = await examine({}, '--url', 'http://localhost:9/mcp');

    expect(trouble(findings, 'Cursor')?.next).toContain('http://localhost:9/mcp');
    expect(trouble(findings, 'Gemini CLI')?.message).toContain('line 1');
    expect(trouble(findings, 'Visual Studio Code')?.message).toContain('variable');
    expect(trouble(findings, 'Codex')?.next).toContain('chmod 600');
    expect(trouble(findings, 'opencode')?.message).toContain('switched off');
    expect(findings.some(({ message }) => message.includes('other.example'))).toBe(false);
  });
});

describe('the doctor, at an old database', () => {
  it('tells which release it is of', async () => {
    const env = {
      HOME: home,
      INFERRY_HOME: join(home, 'data'),
      LOG_LEVEL: 'silent',
      PORT: '0',
      PROVIDERS: 'local',
    };
    const system = await startEmbedded(parseStartConfig(env), env);
    await system.close(1_000);
    const database = join(home, 'data/inferry.db');
    execFileSync(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      '-e',
      `const { DatabaseSync } = require('node:sqlite'); const db = new DatabaseSync(${JSON.stringify(database)});` +
        `const t = db.prepare("select name from sqlite_master where name like '%migration%' order by length(name)").get().name;` +
        `db.exec('delete from ' + t + ' where rowid = (select max(rowid) from ' + t + ')');`,
    ]);
    expect(trouble((await examine()).findings, 'database')?.message).toContain('older release');
  }, 60_000);
});
