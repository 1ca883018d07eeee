import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use the local models well. */
export const localSkills: readonly SkillSource[] = [
  {
    name: 'local-models',
    files: { 'SKILL.md': new URL('./skills/local-models/SKILL.md', import.meta.url) },
  },
];
