import type { OfferedSkill } from '@inferry/contracts';
import type { SurfaceView } from '../surfaces/surfaces.ts';

/** The skills of one view, as JSON texts that were made once. */
export interface SkillIndex {
  /** `"skills":[...]`, a page each; the first one always exists. */
  pages: readonly string[];
  /** `"skill":{...}` by the URI of its SKILL.md. */
  bySkill: ReadonlyMap<string, string>;
  /** `"resources":[...]` of what is directly in a folder, by its URI. */
  byFolder: ReadonlyMap<string, string>;
}

/** Few clients need more than one page: an entry tells all files of a skill and is never split. */
const pageChars = 200_000;
const manifest = '/SKILL.md';

/** A skill's URI that two services use belongs to the first of them. */
export function indexSkills({ offered }: SurfaceView): SkillIndex {
  const skills = new Map<string, OfferedSkill>();
  for (const skill of offered.flatMap(({ description }) => description.skills ?? [])) {
    if (!skills.has(skill.uri) && skill.uri.endsWith(manifest)) skills.set(skill.uri, skill);
  }
  const entries = new Map([...skills].map(([uri, skill]) => [uri, JSON.stringify(toEntry(skill))]));
  return {
    pages: toPages([...entries.values()]),
    bySkill: new Map([...entries].map(([uri, entry]) => [uri, `"skill":${entry}`])),
    byFolder: new Map([...skills.values()].flatMap(foldersOf)),
  };
}

/** As the extension has it, without what only folders tell. */
function toEntry({ uri, frontmatter, resources }: OfferedSkill) {
  return {
    uri,
    frontmatter,
    resources: resources.map(({ uri: file, digest, size }) => ({ uri: file, digest, size })),
  };
}

function toPages(entries: readonly string[]): string[] {
  const pages: string[][] = [[]];
  let chars = 0;
  for (const entry of entries) {
    if (chars > 0 && chars + entry.length > pageChars) {
      pages.push([]);
      chars = 0;
    }
    pages.at(-1)?.push(entry);
    chars += entry.length;
  }
  return pages.map((page) => `"skills":[${page.join(',')}]`);
}

interface Child {
  uri: string;
  name: string;
  mimeType: string;
  size?: number;
}

/** Every level of a skill is a folder, its root too (Skills extension, directory resources). */
function foldersOf({ uri, resources }: OfferedSkill): [string, string][] {
  const root = uri.slice(0, -manifest.length);
  const children = new Map<string, Map<string, Child>>([[root, new Map()]]);
  for (const file of resources) {
    if (!file.uri.startsWith(`${root}/`)) continue;
    let child: Child = { uri: file.uri, name: lastOf(file.uri), mimeType: file.mimeType, size: file.size };
    while (child.uri !== root) {
      const folder = child.uri.slice(0, child.uri.lastIndexOf('/'));
      const known = children.get(folder) ?? new Map<string, Child>();
      known.set(child.uri, child);
      children.set(folder, known);
      child = { uri: folder, name: lastOf(folder), mimeType: 'inode/directory' };
    }
  }
  return [...children].map(([folder, known]) => [
    folder,
    `"resources":${JSON.stringify([...known.values()])}`,
  ]);
}

function lastOf(uri: string): string {
  return uri.slice(uri.lastIndexOf('/') + 1);
}
