import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import {
  maxSkillBytes,
  maxSkillFiles,
  type OfferedResource,
  type OfferedSkill,
  type ResourceContents,
} from '@inferry/contracts';
import { readFrontmatter } from './frontmatter.ts';
import type { SkillSource } from './skill-source.ts';

/** A skill whose files were read and found to be in order. */
export interface LoadedSkill {
  offered: OfferedSkill;
  /** Its SKILL.md, as lists of resources show it. */
  resource: OfferedResource;
  /** Every file by its URI. */
  contents: ReadonlyMap<string, ResourceContents>;
}

const textTypes: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.txt': 'text/plain',
  '.json': 'application/json',
  '.py': 'text/x-python',
  '.sh': 'application/x-sh',
  '.js': 'text/javascript',
};
/** What fits one message of the bus, escaped. */
const maxFileBytes = 400_000;
const manifest = 'SKILL.md';
/** The rules of agentskills.io for names and for paths that need no escapes in a URI. */
const namePattern = /^(?=.{1,64}$)[a-z0-9]+(-[a-z0-9]+)*$/;
const pathPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/**
 * Reads skills from their files once: `prefix` is where their URIs begin (`skill://inferry/`). Throws with the skill's
 * name when one is not in order: a skill ships with the code that it explains.
 */
export async function loadSkills(sources: readonly SkillSource[], prefix: string): Promise<LoadedSkill[]> {
  return Promise.all(
    sources.map(async (source) => {
      try {
        return await loadSkill(source, prefix);
      } catch (error) {
        throw new Error(`skill ${source.name}: ${error instanceof Error ? error.message : error}`, {
          cause: error,
        });
      }
    }),
  );
}

async function loadSkill({ name, files }: SkillSource, prefix: string): Promise<LoadedSkill> {
  const paths = Object.keys(files).sort();
  const root = `${prefix}${name}`;
  refuseNames(name, paths);
  const read = await Promise.all(paths.map((path) => readSkillFile(root, path, files[path])));
  const total = read.reduce((sum, { entry }) => sum + entry.size, 0);
  if (total > maxSkillBytes) throw new Error(`its files have more than ${maxSkillBytes} bytes`);
  const uri = `${root}/${manifest}`;
  const frontmatter = readFrontmatter(read.find(({ entry }) => entry.uri === uri)?.content ?? '');
  const { description } = frontmatter;
  if (frontmatter.name !== name) throw new Error(`its frontmatter calls it ${frontmatter.name}`);
  if (description.length < 1 || description.length > 1_024) {
    throw new Error('its description must have 1 to 1,024 characters');
  }
  return {
    offered: { uri, frontmatter, resources: read.map(({ entry }) => entry) },
    resource: { uri, name, description, mimeType: textTypes['.md'], size: sizeOf(read, uri) },
    contents: new Map(
      read.map(({ entry: { uri: file, mimeType }, content }) => [
        file,
        { uri: file, mimeType, text: content },
      ]),
    ),
  };
}

function refuseNames(name: string, paths: readonly string[]): void {
  if (!namePattern.test(name)) throw new Error('its name must be lower-case words joined by hyphens');
  if (!paths.includes(manifest)) throw new Error(`it has no ${manifest}`);
  if (paths.length > maxSkillFiles) throw new Error(`it has more than ${maxSkillFiles} files`);
  const wrong = paths.find((path) => !pathPattern.test(path));
  if (wrong !== undefined) throw new Error(`the path ${wrong} is not plain`);
}

interface ReadFile {
  entry: OfferedSkill['resources'][number];
  content: string;
}

async function readSkillFile(root: string, path: string, url: URL | undefined): Promise<ReadFile> {
  const mimeType = textTypes[extname(path)];
  if (url === undefined || mimeType === undefined) throw new Error(`${path} is no kind of text file`);
  const bytes = await readFile(url);
  if (bytes.length > maxFileBytes) throw new Error(`${path} has more than ${maxFileBytes} bytes`);
  // Bytes that are no text would be other bytes after they have been JSON, and their digest would be wrong.
  const content = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const digest = `sha256:${hash('sha256', bytes, 'hex')}`;
  return { entry: { uri: `${root}/${path}`, digest, size: bytes.length, mimeType }, content };
}

function sizeOf(read: readonly ReadFile[], uri: string): number {
  return read.find(({ entry }) => entry.uri === uri)?.entry.size ?? 0;
}
