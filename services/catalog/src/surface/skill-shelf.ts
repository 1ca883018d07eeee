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
  /** Undefined: our own. */
  provider: string | undefined;
}

/** The skills that this deployment has: our own, then those of its providers. */
export class SkillShelf {
  readonly #skills: readonly ShelvedSkill[];
  readonly #isUsable: (provider: string) => boolean;

  private constructor(skills: readonly ShelvedSkill[], isUsable: (provider: string) => boolean) {
    this.#skills = skills;
    this.#isUsable = isUsable;
  }

  /** Reads every file once; a skill that is not in order, or is there twice, fails the start. */
  static async load(
    providers: readonly Provider[],
    isUsable: (provider: string) => boolean,
  ): Promise<SkillShelf> {
    const sets = [
      { provider: undefined, sources: ownSkills },
      ...providers.map(({ slug, skills = [] }) => ({ provider: slug, sources: skills })),
    ];
    const loaded = await Promise.all(
      sets.map(async ({ provider, sources }) =>
        (await loadSkills(sources, skillPrefix)).map((skill) => ({ ...skill, provider })),
      ),
    );
    const skills = loaded.flat();
    const names = skills.map(({ resource }) => resource.name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Error(`two skills are called ${twice}`);
    return new SkillShelf(skills, isUsable);
  }

  /** Another text when what is offered is another one, or says something else. */
  get version(): string {
    const digests = this.#open().flatMap(({ offered }) => offered.resources.map(({ digest }) => digest));
    return hash('sha256', digests.join(), 'base64url').slice(0, 8);
  }

  offered(): OfferedSkill[] {
    return this.#open().map(({ offered }) => offered);
  }

  resources(): OfferedResource[] {
    return this.#open().map(({ resource }) => resource);
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
    return this.#skills.filter(({ provider }) => provider === undefined || this.#isUsable(provider));
  }
}
