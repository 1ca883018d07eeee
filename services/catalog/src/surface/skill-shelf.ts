import { hash } from 'node:crypto';
import type { OfferedResource, OfferedSkill, ResourceContents } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { type LoadedSkill, loadSkills } from '@inferry/skills';
import { ownSkills } from './own-skills.ts';

/** Where the URIs of our skills begin; no host is meant by it. */
export const skillPrefix = 'skill://inferry/';

/** A skill changes with a release alone. */
export const skillTtlMs = 300_000;

interface ShelvedSkill extends LoadedSkill {
  /** Whose it is; none: our own. */
  providers: string[];
}

/** The skills that this deployment has: our own, then those of its providers. */
export class SkillShelf {
  readonly #skills: readonly ShelvedSkill[];
  readonly #isUsable: (provider: string) => boolean;

  private constructor(skills: readonly ShelvedSkill[], isUsable: (provider: string) => boolean) {
    this.#skills = skills;
    this.#isUsable = isUsable;
  }

  /** Reads every file once; a skill that is not in order, or another one of the same name, fails the start. */
  static async load(
    providers: readonly Provider[],
    isUsable: (provider: string) => boolean,
  ): Promise<SkillShelf> {
    const sets = [
      { owners: [], sources: ownSkills },
      ...providers.map(({ slug, skills = [] }) => ({ owners: [slug], sources: skills })),
    ];
    const loaded = await Promise.all(
      sets.map(async ({ owners, sources }) =>
        (await loadSkills(sources, skillPrefix)).map((skill) => ({ ...skill, providers: owners })),
      ),
    );
    const skills: ShelvedSkill[] = [];
    for (const skill of loaded.flat()) {
      const same = skills.find(({ resource }) => resource.name === skill.resource.name);
      if (same === undefined) skills.push({ ...skill, providers: [...skill.providers] });
      // One more platform of a kind has the skill of its kind.
      else if (same.providers.length > 0 && digestsOf(same) === digestsOf(skill))
        same.providers.push(...skill.providers);
      else throw new Error(`two skills are called ${skill.resource.name}`);
    }
    return new SkillShelf(skills, isUsable);
  }

  /** Another text when what is offered is another one, or says something else. */
  get version(): string {
    return hash('sha256', this.#open().map(digestsOf).join(), 'base64url').slice(0, 8);
  }

  offered(): OfferedSkill[] {
    return this.#open().map(({ offered }) => offered);
  }

  resources(): OfferedResource[] {
    return this.#open().map(({ resource }) => resource);
  }

  /** The text of one of our own skills, whatever else is open. */
  guide(name: string): string {
    const uri = `${skillPrefix}${name}/SKILL.md`;
    const file = this.#skills.map(({ contents }) => contents.get(uri)).find((found) => found !== undefined);
    if (file === undefined || !('text' in file)) throw new Error(`there is no skill ${name}`);
    return file.text;
  }

  read(uri: string): ResourceContents | undefined {
    for (const { contents } of this.#open()) {
      const found = contents.get(uri);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A skill of a provider that nobody can use would teach calls that fail. */
  #open(): readonly ShelvedSkill[] {
    return this.#skills.filter(({ providers }) => providers.length === 0 || providers.some(this.#isUsable));
  }
}

function digestsOf({ offered }: LoadedSkill): string {
  return offered.resources.map(({ digest }) => digest).join();
}
