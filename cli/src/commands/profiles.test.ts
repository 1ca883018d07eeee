import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { profiles } from './profiles.ts';

let folder: string;
let printed: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inferry-check-'));
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

it('says of each file whether it is sound, and what is wrong by line', async () => {
  writeFileSync(join(folder, 'acme.yaml'), 'title: A\nmodels:\n  draw: { model: p/a }\n');
  const sound = await profiles(['check', folder], {});
  writeFileSync(join(folder, 'bad.json'), '{"title": "B",\n "tols": {}}');
  const code = await profiles(['check'], { PROFILES_FOLDER: folder });

  expect([sound, code]).toEqual([0, 1]);
  expect(printed).toContain('/mcp/acme: sound; 0 tools and 1 pinned models');
  expect(printed).toContain('without get_run a client cannot follow');
  expect(printed).toContain('bad.json:2: tols is not known: did you mean tools?');
});

it('shows what a client is given, and about how many tokens that is', async () => {
  writeFileSync(
    join(folder, 'acme.yaml'),
    'title: Acme\nmodels:\n  draw: { model: p/a }\ntools:\n  get_run: { name: follow_up }\n',
  );

  expect(await profiles(['show', 'acme', '--folder', folder], {})).toBe(0);

  expect(printed).toMatch(/^Acme\n/);
  expect(printed).toContain('follow_up: ');
  expect(printed).toContain("draw (p/a): its input is the model's own");
  expect(printed).toMatch(/1 tools, about \d+ tokens in all/);
});

it('answers --json with one document', async () => {
  writeFileSync(join(folder, 'acme.yaml'), 'title: Acme\ntools:\n  get_run: { name: follow_up }\n');
  expect(await profiles(['check', folder, '--json'], {})).toBe(0);
  expect(JSON.parse(printed).profiles).toMatchObject([{ path: '/mcp/acme', sound: true, problems: [] }]);
  printed = '';
  await profiles(['show', 'acme', '--folder', folder, '--json'], {});
  expect(JSON.parse(printed)).toMatchObject({ title: 'Acme', tools: [{ name: 'follow_up' }] });
});
