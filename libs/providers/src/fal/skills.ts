import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use fal well. */
export const falSkills: readonly SkillSource[] = [
  { name: 'fal', files: { 'SKILL.md': new URL('./skills/fal/SKILL.md', import.meta.url) } },
];
