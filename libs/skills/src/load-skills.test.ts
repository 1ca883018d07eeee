import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { skillEntry } from '@modelcontextprotocol/server/ext/skills';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSkills } from './load-skills.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-skills-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const good = '---\nname: a-skill\ndescription: Does it.\nmetadata:\n  version: "1"\n---\n\n# Ümlauts 🎨\n';

async function load(files: Record<string, string | Uint8Array>, name = 'a-skill') {
  const urls: Record<string, URL> = {};
  for (const [index, [path, content]] of Object.entries(files).entries()) {
    const place = join(folder, String(index));
    await writeFile(place, content);
    urls[path] = pathToFileURL(place);
  }
  return loadSkills([{ name, files: urls }], 'skill://inferry/');
}

describe('a skill', () => {
  it('is the entry that the official SDK makes of the same files', async () => {
    const files = { 'SKILL.md': good, 'references/more.md': 'More.', 'scripts/do.py': 'print(1)\r\n' };

    const [skill] = await load(files);

    const official = await skillEntry('inferry/a-skill', files);
    const { uri, frontmatter, resources = [] } = skill?.offered ?? {};
    const triples = resources.map(({ uri: file, digest, size }) => ({ uri: file, digest, size }));
    expect({ uri, frontmatter, resources: triples }).toEqual(official);
  });

  it('is read as it was digested', async () => {
    const [skill] = await load({ 'SKILL.md': good });

    expect(skill?.contents.get('skill://inferry/a-skill/SKILL.md')).toEqual({
      uri: 'skill://inferry/a-skill/SKILL.md',
      mimeType: 'text/markdown',
      text: good,
    });
  });

  it.each([
    ['no SKILL.md', { 'README.md': good }, /has no SKILL.md/],
    ['no frontmatter', { 'SKILL.md': '# Title' }, /frontmatter/],
    ['another name than its folder', { 'SKILL.md': good.replace('a-skill', 'other') }, /calls it other/],
    ['no description', { 'SKILL.md': '---\nname: a-skill\n---\n' }, /name and a description/],
    ['a path that leaves it', { 'SKILL.md': good, '../out.md': 'x' }, /not plain/],
    ['a file of an unknown kind', { 'SKILL.md': good, 'run.exe': 'x' }, /no kind of text file/],
    ['bytes that are no text', { 'SKILL.md': good, 'a.md': new Uint8Array([0xff, 0xfe]) }, /skill a-skill/],
    ['a file that no message holds', { 'SKILL.md': good, 'a.md': 'x'.repeat(400_001) }, /more than 400000/],
  ])('is refused with %s', async (_what, files, message) => {
    await expect(load(files)).rejects.toThrow(message);
  });

  it('is refused with more files than hosts take', async () => {
    const many = Object.fromEntries(Array.from({ length: 512 }, (_, index) => [`f${index}.md`, 'x']));

    await expect(load({ 'SKILL.md': good, ...many })).rejects.toThrow(/more than 512 files/);
  });
});
