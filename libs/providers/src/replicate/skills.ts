import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use Replicate well. */
export const replicateSkills: readonly SkillSource[] = [
  { name: 'replicate', files: { 'SKILL.md': new URL('./skills/replicate/SKILL.md', import.meta.url) } },
];
