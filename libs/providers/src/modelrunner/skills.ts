import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use ModelRunner well. */
export const modelrunnerSkills: readonly SkillSource[] = [
  { name: 'modelrunner', files: { 'SKILL.md': new URL('./skills/modelrunner/SKILL.md', import.meta.url) } },
];
