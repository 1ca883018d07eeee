// The documents about connecting and about what goes wrong: that what they promise is so, and that every row is there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestGateway, type TestGateway } from '@inferry/mcp-gateway/testing';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, describe, expect, it } from 'vitest';
import { quickConnectPage } from '../scripts/quick-connect-page.ts';

const read = (name: string) => readFileSync(join(import.meta.dirname, '../docs', name), 'utf8');
const page = read('quick-connect.md');
const rows = read('troubleshooting.md');

/** The part of the page about one client. */
function partOf(label: string): string {
  const [, part = ''] = page.split(`\n### ${label}\n`);
  return part.split(/\n##/)[0] ?? '';
}

/** The files that a part shows, as JSON. */
function filesIn(part: string): unknown[] {
  return [...part.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, text = '']) => JSON.parse(text));
}

const address = 'http://127.0.0.1:8080/mcp';

let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

describe('docs/quick-connect.md', () => {
  it('is what the table of clients says', () => {
    expect(page).toBe(quickConnectPage());
  });

  it('has each product’s address, key and command [RP-11][RW-36]', () => {
    expect(page).toContain(
      '| Runflow | `/mcp/runflow` | `rf_live_…` or `ifr_…` | `RUNFLOW_API_KEY=… npx -y inferry stdio --profile runflow` |',
    );
    expect(page).toContain('`RUNWARE_API_KEY=… npx -y inferry stdio --profile runware`');
    expect(page).toContain('`MODELRUNNER_API_KEY=… npx -y inferry stdio --profile modelrunner`');
    expect(page).toContain('`RUNPOD_API_KEY=… npx -y inferry stdio --profile runpod`');
  });

  it('adds Claude Code by one command, with a key and without, or by its file [RW-09][RP-07][RF-11]', () => {
    const part = partOf('Claude Code');

    expect(part).toContain(`claude mcp add --transport http --scope user inferry ${address}`);
    expect(part).toContain('--header "Authorization: Bearer ifr_YOUR_KEY"');
    expect(filesIn(part)[1]).toEqual({
      mcpServers: {
        inferry: { type: 'http', url: address, headers: { Authorization: 'Bearer ifr_YOUR_KEY' } },
      },
    });
  });

  it('adds Cursor with the address alone, or with one header [RW-10][RF-13][RP-08][MR-05]', () => {
    const [plain, keyed] = filesIn(partOf('Cursor'));

    expect(plain).toEqual({ mcpServers: { inferry: { url: address } } });
    expect(keyed).toEqual({
      mcpServers: { inferry: { url: address, headers: { Authorization: 'Bearer ifr_YOUR_KEY' } } },
    });
  });

  it('adds VS Code by its file and its command, and lists its servers [RW-11][RF-14]', () => {
    const part = partOf('Visual Studio Code');

    expect(filesIn(part)[0]).toEqual({ servers: { inferry: { type: 'http', url: address } } });
    expect(part).toContain('code --add-mcp');
    expect(part).toContain('MCP: List Servers');
  });

  it('adds Claude and ChatGPT by their dialogs [RW-08][RF-15]', () => {
    expect(partOf('Claude')).toMatch(/Settings, Connectors.*“Add custom connector”.*sign in and approve/);
    expect(partOf('ChatGPT')).toContain('developer mode');
  });

  it('gives clients that start processes the pattern of all of them [RW-39][RP-15][RP-16][RP-19]', () => {
    expect(page).toContain(
      'claude mcp add runpod -s user -e RUNPOD_API_KEY=YOUR_API_KEY -- npx -y inferry stdio --profile runpod',
    );
    expect(page).toContain('claude mcp add runpod -s project -e');
    expect(page).toMatch(/Look at it with `claude mcp list`; in a session `\/mcp` connects again/);
    expect(page).toContain('https://modelcontextprotocol.io/clients');
    const blocks = filesIn(page.slice(page.indexOf('## As a process')));
    expect(blocks).toEqual([
      {
        mcpServers: {
          runware: {
            command: 'npx',
            args: ['-y', 'inferry', 'stdio', '--profile', 'runware'],
            env: { RUNWARE_API_KEY: 'YOUR_API_KEY' },
          },
        },
      },
    ]);
  });

  it('agrees with the short forms in the README', () => {
    const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
    const shown = [...readme.matchAll(/^ {4}(\{"mcpServers".*\})$|`(\{"mcpServers".*?\})`/gm)].map(
      ([, block, inline]) => JSON.parse(block ?? inline ?? ''),
    );

    expect(shown).toEqual([
      {
        mcpServers: {
          runware: {
            command: 'npx',
            args: ['-y', 'inferry', 'stdio', '--profile', 'runware'],
            env: { RUNWARE_API_KEY: '…' },
          },
        },
      },
      { mcpServers: { inferry: { url: address } } },
    ]);
    for (const label of ['Claude Code', 'Visual Studio Code', 'Codex']) {
      const [, command = ''] = /```sh\n(.*)\n```/.exec(partOf(label)) ?? [];
      expect(readme).toContain(command.replace(' --scope user', ''));
    }
  });

  it('warns of keys in files that are committed, and of variables in headers [RF-12][RF-09]', () => {
    expect(page).toMatch(/Never commit a file with a key in it[\s\S]*\.gitignore/);
    expect(page).toMatch(/may send `\$\{VARIABLE\}` as it stands there/);
  });
});

describe('docs/troubleshooting.md', () => {
  it.each([
    [
      'the tools do not appear [RW-50][RF-70]',
      /The tools do not appear.*quit the client whole.*`claude mcp list`, `codex mcp list`/,
    ],
    ['401 at the first call [RF-71]', /401 at the first call.*echo \$RUNFLOW_API_KEY.*rf_svc_/],
    ['a window that closes at once [RW-47]', /closes at once.*pop-up windows/],
    ['a stale sign-in [RW-48][RW-49]', /Token exchange failed.*rm -rf ~\/\.mcp-auth.*Clear authentication/],
    ['a key in the client’s own window [RW-46]', /goes past the sign-in.*take the header out/],
    ['a rotated key [RW-52]', /rotated key.*Connect again and give the new key/],
    [
      'hosts that are not served [RF-72]',
      /MCP_ALLOWED_HOSTS.*`localhost:8080,127\.0\.0\.1:8080`.*DNS rebinding/,
    ],
    ['waits that end too soon [RF-73]', /polling_timeout.*same `model` and `client_ref`.*`wait=false`/],
  ])('says what to do about %s', (_name, row) => {
    expect(rows).toMatch(row);
  });

  it('is right about a first call without a key, and with a variable as it stands [RF-71][RF-09]', async () => {
    gateway = await startTestGateway({ env: { INFERRY_AUTH: 'keys', PROFILES: 'runflow' } });
    const codeOf = async (headers: Record<string, string>) => {
      const answer = await fetch(`${gateway?.url}/runflow`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      });
      const { error } = JSON.parse(await answer.text());
      return [answer.status, error.data.code, error.message];
    };
    const variable = { authorization: `Bearer \${RUNFLOW_API_KEY}` };

    expect((await codeOf({})).slice(0, 2)).toEqual([401, 'missing_authorization']);
    expect((await codeOf(variable)).slice(0, 2)).toEqual([401, 'missing_authorization']);
    expect(await codeOf({ authorization: 'Bearer rf_svc_0123456789' })).toMatchObject([
      401,
      'malformed_authorization',
      expect.stringContaining('rf_live_'),
    ]);
  });

  it('is right about names that are not served: `*` stops the start, and a listed one is taken [RF-72]', async () => {
    await expect(startTestGateway({ env: { MCP_ALLOWED_HOSTS: '*' } })).rejects.toThrow('MCP_ALLOWED_HOSTS');

    gateway = await startTestGateway();
    const client = new Client({ name: 'somebody', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url)));

    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    await client.close();
  });
});
