import { isObject, type JsonObject } from '@inferry/contracts';
import { parse } from 'yaml';

/** What stands between the first two lines of three dashes, as JSON; throws when there is none. */
export function readFrontmatter(markdown: string): JsonObject & { name: string; description: string } {
  const [, yaml] = /^---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(markdown) ?? [];
  if (yaml === undefined)
    throw new Error('SKILL.md must begin with YAML frontmatter between two lines of ---');
  const frontmatter: unknown = parse(yaml);
  if (!isObject(frontmatter)) throw new Error('the frontmatter is not a mapping');
  const { name, description } = frontmatter;
  if (typeof name !== 'string' || typeof description !== 'string') {
    throw new Error('the frontmatter needs a name and a description');
  }
  return { ...frontmatter, name, description };
}
