import type { Dialect } from '@inferry/clients';
import { describe, expect, it } from 'vitest';
import { openConfig } from './config-text.ts';
import { BrokenConfig } from './text-editor.ts';

const entry = { url: 'http://localhost:3000/mcp' };
const path = { servers: 'mcpServers', name: 'inferry' };
const put = (text: string, dialect: Dialect = 'jsonc') => openConfig(dialect, text).put(path, entry);
const remove = (text: string, dialect: Dialect = 'jsonc', withServers = false) =>
  openConfig(dialect, text).remove(path, withServers);

const jsonFiles: Record<string, string> = {
  'comments and a trailing comma':
    '{\n  // my servers\n  "mcpServers": {\n    "github": { "url": "https://a.example/mcp/" }, /* keep */\n  },\n  "other": true\n}\n',
  'one line for each server':
    '{\n    "mcpServers": {\n        "fs": {"command": "npx", "args": ["-y", "server", "/tmp"]}\n    }\n}\n',
  'tabs and a comment at the end of a line':
    '{\n\t// settings\n\t"inputs": [],\n\t"mcpServers": {\n\t\t"gh": { "type": "http", "url": "https://a.example" } // mine\n\t}\n}\n',
  'all on one line': '{"a":1,"mcpServers":{"fs":{"command":"x"}},"b":[1,2]}',
  'an object with blanks, on one line': '{ "mcpServers": { "fs": {} } }',
  'no line at the end': '{\n  "mcpServers": {\n    "fs": {}\n  }\n}',
  'an empty object of servers': '{\n  "theme": "dark",\n  "mcpServers": {}\n}\n',
  'servers that are first': '{\n  "mcpServers": {\n    "a": {}\n  },\n  "z": 1\n}\n',
  'a comment inside an empty object': '{\n  "mcpServers": {\n    // none yet\n  }\n}\n',
  'a comma on a line of its own': '{\n  "mcpServers": {\n    "a": {}\n    ,\n    "b": {}\n  }\n}\n',
  'the word in a string':
    '{\n  "note": "\\"mcpServers\\": { } // no",\n  "mcpServers": {\n    "a": {}\n  }\n}\n',
};

describe('an entry in JSON', () => {
  it.each(Object.entries(jsonFiles))(
    'is put in and taken out with nothing else changed: %s',
    (_name, text) => {
      const after = put(text);

      expect(openConfig('jsonc', after).entries('mcpServers').inferry).toEqual(entry);
      expect(put(after)).toBe(after);
      const back = remove(after);
      expect(openConfig('jsonc', back).entries('mcpServers').inferry).toBeUndefined();
      expect(back.replace(/\{\s*\}/g, '{}')).toBe(text.replace(/\{\s*\}/g, '{}'));
    },
  );

  it.each(Object.entries(jsonFiles))('keeps line endings and a byte order mark: %s', (_name, text) => {
    const windows = `\uFEFF${text.replaceAll('\n', '\r\n')}`;

    expect(put(windows)).toBe(`\uFEFF${put(text).replaceAll('\n', '\r\n')}`);
    expect(remove(put(windows))).toBe(`\uFEFF${remove(put(text)).replaceAll('\n', '\r\n')}`);
  });

  it('makes the property of all servers where there is none, and takes it away with the last', () => {
    const text = '{\n  "theme": "dark" // mine\n}\n';

    expect(put(text)).toBe(
      '{\n  "theme": "dark", // mine\n  "mcpServers": {\n    "inferry": {\n      "url": "http://localhost:3000/mcp"\n    }\n  }\n}\n',
    );
    expect(remove(put(text), 'jsonc', true)).toBe(text);
  });

  it('updates what it wrote before, in its place', () => {
    const text = put(jsonFiles['comments and a trailing comma'] ?? '').replace('3000', '4000');

    expect(put(text)).toBe(put(jsonFiles['comments and a trailing comma'] ?? ''));
  });

  it('makes a file of nothing', () => {
    expect(put('')).toBe(
      '{\n  "mcpServers": {\n    "inferry": {\n      "url": "http://localhost:3000/mcp"\n    }\n  }\n}\n',
    );
  });

  it.each<[string, { text: string; dialect: Dialect; line: number }]>([
    ['a fault', { text: '{\n  "a": 1\n  "b": 2\n}', dialect: 'jsonc', line: 3 }],
    ['a comment where the client reads none', { text: '{\n  // no\n  "a": 1\n}', dialect: 'json', line: 2 }],
    ['a comma too much where the client reads none', { text: '{\n  "a": 1,\n}', dialect: 'json', line: 3 }],
    ['a list', { text: '[]', dialect: 'json', line: 1 }],
    [
      'a name that stands there twice',
      { text: '{\n  "mcpServers": {},\n  "mcpServers": {}\n}', dialect: 'jsonc', line: 3 },
    ],
  ])('is refused with the line by %s', (_name, { text, dialect, line }) => {
    const broken = expect.objectContaining({ name: 'BrokenConfig', line });
    expect(() => put(text, dialect)).toThrow(broken);
  });

  it('is refused where the servers are no object', () => {
    expect(() => put('{"mcpServers": []}')).toThrow(BrokenConfig);
  });
});

describe('an entry in TOML', () => {
  const text =
    '# mine\nmodel = "a"   # keep\n\n[mcp_servers.github]\ncommand = "npx"\nargs = [ "-y",\n  "x", # c\n]\n\n# the next\n[profiles.a]\nx = 1\n';
  const place = { servers: 'mcp_servers', name: 'inferry' };
  const local = { command: 'npx', args: ['-y', 'inferry', 'stdio'], env: { RUNWARE_API_KEY: 'k"1' } };

  it.each(['', 'a = 1', text])('is a table at the end, and goes without a trace: %j', (before) => {
    const after = openConfig('toml', before).put(place, local);

    expect(after.startsWith(before.trimEnd())).toBe(true);
    expect(openConfig('toml', after).entries('mcp_servers').inferry).toEqual(local);
    expect(openConfig('toml', after).put(place, local)).toBe(after);
    expect(openConfig('toml', after).remove(place, true).trimEnd()).toBe(before.trimEnd());
  });

  it('goes although it is the last, where nothing but its header says that there are servers', () => {
    const text = 'model = "x" # kept\n\n[mcp_servers.inferry]\nurl = "http://localhost"\n';
    const config = openConfig('toml', text);

    expect(config.remove({ servers: 'mcp_servers', name: 'inferry' }, false)).toBe('model = "x" # kept\n');
  });

  it('is updated in its place, with the tables below it', () => {
    const after = openConfig('toml', `${openConfig('toml', text).put(place, local)}\n[z]\ny = 2\n`).put(
      place,
      entry,
    );

    expect(after).toBe(`${text}\n[mcp_servers.inferry]\nurl = "http://localhost:3000/mcp"\n\n[z]\ny = 2\n`);
  });

  it('is refused with the line where the file is broken, and where it cannot be added', () => {
    expect(() => openConfig('toml', 'a = 1\nb = \n').put(place, entry)).toThrow(
      expect.objectContaining({ line: 2 }),
    );
    expect(() => openConfig('toml', 'mcp_servers = { a = { url = "x" } }\n').put(place, entry)).toThrow(
      BrokenConfig,
    );
  });

  it('is not taken for one that stands in a string', () => {
    const tricky = 'note = """\n[mcp_servers.inferry]\n"""\n';
    expect(() =>
      openConfig('toml', openConfig('toml', tricky).put({ ...place, name: 'x' }, entry)).put(place, entry),
    ).toThrow(BrokenConfig);
  });
});

describe('an entry in YAML', () => {
  const text =
    '# mine\nGOOSE_PROVIDER: a # keep\nextensions:\n  developer:\n    enabled: true # on\n    type: builtin\n\n# after\nother: 1\n';
  const place = { servers: 'extensions', name: 'inferry' };
  const value = { enabled: true, type: 'stdio', cmd: 'npx', args: ['-y', 'inferry'], envs: { A: 'yes' } };

  it.each(['', 'a: 1', 'a: 1\n', text, 'extensions: {}\nb: 2\n', 'extensions:\nb: 2\n'])(
    'is put in and taken out with nothing else changed: %j',
    (before) => {
      const after = openConfig('yaml', before).put(place, value);
      expect(openConfig('yaml', after).entries('extensions').inferry).toEqual(value);
      expect(openConfig('yaml', after).put(place, value)).toBe(after);
      for (const line of before.split('\n').filter((known) => !known.startsWith('extensions:'))) {
        expect(after).toContain(line);
      }
      const back = openConfig('yaml', after).remove(place, before !== text);
      expect(openConfig('yaml', back).entries('extensions').inferry).toBeUndefined();
    },
  );

  it('leaves a file as it was before', () => {
    expect(openConfig('yaml', openConfig('yaml', text).put(place, value)).remove(place, false)).toBe(text);
  });

  it('is refused with the line where the file is broken', () => {
    expect(() => openConfig('yaml', 'a: 1\nb: [\n').put(place, value)).toThrow(BrokenConfig);
  });
});
