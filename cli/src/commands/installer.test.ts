import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clientKinds, type Place } from '@inferry/clients';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { add, remove, type Surroundings } from './installer.ts';

let home: string;
let printed: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'inferry-installer-'));
  mkdirSync(join(home, 'project'));
  printed = '';
});
afterEach(() => rmSync(home, { recursive: true }));

function around(env: Place['env'] = {}): Surroundings {
  return {
    place: { platform: 'linux', home, cwd: join(home, 'project'), env },
    isInteractive: false,
    write: (text) => {
      printed += text;
    },
    version: '0.2.0',
  };
}

function file(path: string, text: string, mode = 0o644): string {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  chmodSync(full, mode);
  return full;
}

const read = (path: string) => readFileSync(join(home, path), 'utf8');
const modeOf = (path: string) => statSync(join(home, path)).mode & 0o777;
const run = (command: typeof add, line: string, env: Place['env'] = {}) =>
  command(line.split(' '), env, around(env));

describe('inferry add', () => {
  it('configures every client that is there, and remove takes exactly that away again [RP-01][RP-02][RP-05]', async () => {
    for (const folder of [
      '.claude',
      '.cursor',
      '.codeium/windsurf',
      '.config/Claude',
      '.config/Code/User',
      '.codex',
    ]) {
      mkdirSync(join(home, folder), { recursive: true });
    }
    const before =
      '{\n  // mine\n  "mcpServers": {\n    "gh": { "url": "https://a.example/" }, /* keep */\n  }\n}\n';
    file('.cursor/mcp.json', before);

    expect(await run(add, '--yes --url https://mcp.example.com/mcp')).toBe(0);

    expect(JSON.parse(read('.claude.json')).mcpServers.inferry).toEqual({
      type: 'http',
      url: 'https://mcp.example.com/mcp',
    });
    expect(JSON.parse(read('.config/Claude/claude_desktop_config.json')).mcpServers.inferry).toEqual({
      command: 'npx',
      args: ['-y', 'mcp-remote', 'https://mcp.example.com/mcp'],
    });
    expect(JSON.parse(read('.config/Code/User/mcp.json')).servers.inferry.type).toBe('http');
    expect(JSON.parse(read('.codeium/windsurf/mcp_config.json')).mcpServers.inferry).toEqual({
      serverUrl: 'https://mcp.example.com/mcp',
    });
    expect(read('.codex/config.toml')).toBe('[mcp_servers.inferry]\nurl = "https://mcp.example.com/mcp"\n');
    expect(read('.cursor/mcp.json')).toContain('"gh": { "url": "https://a.example/" }, /* keep */\n');

    expect(await run(remove, '--yes')).toBe(0);

    expect(read('.cursor/mcp.json')).toBe(before);
    for (const gone of ['.claude.json', '.config/Code/User/mcp.json', '.codex/config.toml']) {
      expect(existsSync(join(home, gone)), gone).toBe(false);
    }
  });

  it.each([
    ['as they came', ['inferry', 'runware']],
    ['the other way round', ['runware', 'inferry']],
  ])('takes several of its own out of one file, %s, until it is as it was', async (_order, names) => {
    const codex = file('.codex/config.toml', 'model = "gpt-5" # kept\n');
    const clients = '--client codex,cursor,gemini,goose';
    await run(add, `${clients} --url http://127.0.0.1:1/mcp --yes`);
    await run(add, `${clients} --url http://127.0.0.1:1/mcp/runware --profile runware --yes`);

    const codes = [];
    for (const name of names) codes.push(await run(remove, `${clients} --name ${name} --yes`));

    expect(codes, printed).toEqual([0, 0]);
    expect(readFileSync(codex, 'utf8')).toBe('model = "gpt-5" # kept\n');
    for (const path of ['.cursor/mcp.json', '.gemini/settings.json', '.config/goose/config.yaml'])
      expect(existsSync(join(home, path)), path).toBe(false);
  });

  it('changes nothing the second time, and updates what it wrote when the address is another', async () => {
    await run(add, '--client cursor --yes --url https://one.example/mcp');
    const first = read('.cursor/mcp.json');
    await run(add, '--client cursor --yes --url https://one.example/mcp');
    expect(read('.cursor/mcp.json')).toBe(first);
    expect(printed).toContain('nothing to change');

    await run(add, '--client cursor --yes --url https://two.example/mcp');
    expect(read('.cursor/mcp.json')).toBe(first.replace('one', 'two'));
  });

  it('leaves a server of this name alone that somebody else wrote, in both directions', async () => {
    const text = '{\n  "mcpServers": { "inferry": { "url": "https://theirs.example" } }\n}\n';
    file('.cursor/mcp.json', text);

    expect(await run(add, '--client cursor --yes')).toBe(1);
    expect(await run(remove, '--client cursor --yes')).toBe(1);
    expect(printed).toContain('somebody else wrote');
    expect(await run(remove, '--yes')).toBe(0);
    expect(read('.cursor/mcp.json')).toBe(text);

    expect(await run(add, '--client cursor --yes --replace --url https://ours.example/mcp')).toBe(0);
    expect(JSON.parse(read('.cursor/mcp.json')).mcpServers.inferry.url).toBe('https://ours.example/mcp');
  });

  it('writes a key into a file of mode 0600 alone, shows it nowhere and backs up what was there', async () => {
    const text = '{\n  "mcpServers": {\n    "x": { "env": { "OTHER_API_KEY": "their-secret" } }\n  }\n}\n';
    file('.cursor/mcp.json', text);
    const key = 'rw-very-secret';

    expect(
      await run(add, '--client cursor,codex --mode local --profile runware --yes', { RUNWARE_API_KEY: key }),
    ).toBe(0);

    expect(JSON.parse(read('.cursor/mcp.json')).mcpServers.runware).toEqual({
      command: 'npx',
      args: ['-y', 'inferry@0.2.0', 'stdio', '--profile', 'runware'],
      env: { RUNWARE_API_KEY: key },
    });
    expect(modeOf('.cursor/mcp.json')).toBe(0o600);
    expect(modeOf('.codex/config.toml')).toBe(0o600);
    expect(printed).not.toContain(key);
    expect(printed).not.toContain('their-secret');
    const backups = '.config/inferry/installer/backups';
    const [copy = ''] = readdirSync(join(home, backups));
    expect(read(join(backups, copy))).toBe(text);
    expect(modeOf(join(backups, copy))).toBe(0o600);
  });

  it('has the client of a hosted server sign in, and writes no key of the environment down [RP-03]', async () => {
    const line =
      '--client claude-code,cursor,codex --profile runpod --yes --url https://mcp.example.com/mcp/runpod';

    expect(await run(add, line, { RUNPOD_API_KEY: 'rpa_very_secret' })).toBe(0);

    const files = ['.claude.json', '.cursor/mcp.json', '.codex/config.toml'].map(read);
    expect(files.every((text) => text.includes('https://mcp.example.com/mcp/runpod'))).toBe(true);
    expect([...files, printed].join('\n')).not.toContain('rpa_very_secret');
  });

  it('gives a local server the key in the client’s own configuration [RP-04]', async () => {
    const line = '--client claude-code --mode local --profile runpod --yes';

    expect(await run(add, line, { RUNPOD_API_KEY: 'rpa_very_secret' })).toBe(0);

    expect(JSON.parse(read('.claude.json')).mcpServers.runpod).toMatchObject({
      command: 'npx',
      args: ['-y', 'inferry@0.2.0', 'stdio', '--profile', 'runpod'],
      env: { RUNPOD_API_KEY: 'rpa_very_secret' },
    });
    expect(modeOf('.claude.json')).toBe(0o600);
    expect(printed).not.toContain('rpa_very_secret');
  });

  it('writes where the environment says that the clients look, with comments kept and for the owner alone [RPB-14]', async () => {
    const env = {
      CLAUDE_CONFIG_DIR: join(home, 'own-claude'),
      XDG_CONFIG_HOME: join(home, 'own-config'),
      RUNPOD_API_KEY: 'rpa_very_secret',
    };
    file('own-config/Code/User/mcp.json', '{\n  // mine\n  "servers": {},\n}\n');

    expect(await run(add, '--client claude-code,vscode --mode local --profile runpod --yes', env)).toBe(0);

    expect(JSON.parse(read('own-claude/.claude.json')).mcpServers.runpod.command).toBe('npx');
    expect(read('own-config/Code/User/mcp.json')).toContain('  // mine\n');
    expect(['own-claude/.claude.json', 'own-config/Code/User/mcp.json'].map(modeOf)).toEqual([0o600, 0o600]);
    expect([existsSync(join(home, '.claude.json')), existsSync(join(home, '.config/Code'))]).toEqual([
      false,
      false,
    ]);
  });

  it('warns of a project file with a key that git would keep', async () => {
    spawnSync('git', ['init', '-q'], { cwd: join(home, 'project') });
    const env = { RUNFLOW_API_KEY: 'rf_x' };
    await run(add, '--client cursor --scope project --mode local --profile runflow --yes', env);
    expect(printed).toContain('not ignored by git');

    printed = '';
    file('project/.gitignore', '.vscode/\n');
    await run(add, '--client vscode --scope project --mode local --profile runflow --yes', env);
    expect(printed).not.toContain('not ignored by git');
  });

  it('refuses a broken file with its line, and goes on with the others', async () => {
    const broken = '{\n  "mcpServers": {\n    "a": 1\n    "b": 2\n  }\n}\n';
    file('.cursor/mcp.json', broken);

    expect(await run(add, '--client cursor,gemini --yes --url https://mcp.example.com/mcp')).toBe(1);

    expect(printed).toMatch(/mcp\.json, line 4: it is not valid/);
    expect(read('.cursor/mcp.json')).toBe(broken);
    expect(JSON.parse(read('.gemini/settings.json')).mcpServers.inferry.httpUrl).toBeDefined();
  });

  it('follows a symbolic link and keeps it', async () => {
    const target = file('dotfiles/cursor.json', '{}\n');
    mkdirSync(join(home, '.cursor'));
    symlinkSync(target, join(home, '.cursor/mcp.json'));

    await run(add, '--client cursor --yes');

    expect(JSON.parse(read('dotfiles/cursor.json')).mcpServers.inferry).toBeDefined();
    expect(statSync(join(home, '.cursor/mcp.json')).isFile()).toBe(true);
    await run(remove, '--client cursor --yes');
    expect(read('dotfiles/cursor.json')).toBe('{}\n');
  });

  it('writes nothing for --dry-run, and tells in JSON what it would do', async () => {
    expect(await run(add, '--client cursor --dry-run --json')).toBe(0);

    expect(JSON.parse(printed)).toEqual({
      dry_run: true,
      changes: [{ client: 'cursor', file: join(home, '.cursor/mcp.json'), action: 'add' }],
    });
    expect(existsSync(join(home, '.cursor'))).toBe(false);
  });

  it.each([
    ['--client cursor', '--yes'],
    ['--client nothing --yes', 'there is no client "nothing"'],
    ['--url ftp://x --client cursor', 'https://'],
    ['--mode both', '--mode'],
    ['--unknown', '--unknown'],
    ['--name a/b --client cursor', '--name'],
  ])('says in one line what is wrong with %s', async (line, said) => {
    await expect(run(add, line)).rejects.toThrow(
      expect.objectContaining({ message: expect.stringContaining(said) }),
    );
    expect(existsSync(join(home, '.cursor'))).toBe(false);
  });
});

describe('the table of clients', () => {
  const places: Record<string, Place> = {
    linux: { platform: 'linux', home: '/home/a', cwd: '/home/a/p', env: {} },
    darwin: { platform: 'darwin', home: '/Users/a', cwd: '/Users/a/p', env: {} },
    win32: {
      platform: 'win32',
      home: 'C:\\Users\\a',
      cwd: 'C:\\p',
      env: { APPDATA: 'C:\\Users\\a\\AppData\\Roaming' },
    },
  };

  it.each(Object.entries(places))('has the paths of %s', (_name, place) => {
    expect(
      Object.fromEntries(
        clientKinds.map((kind) => [kind.id, [kind.userFile(place), kind.projectFile?.(place)]]),
      ),
    ).toMatchSnapshot();
  });

  it('starts a local server through the shell on Windows', async () => {
    const windows = { ...around(), place: { ...around().place, platform: 'win32' as const } };
    await add(['--client', 'cursor', '--mode', 'local', '--dry-run'], {}, windows);
    expect(printed).toContain('"cmd"');
  });
});
