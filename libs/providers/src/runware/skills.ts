import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use Runware well. */
export const runwareSkills: readonly SkillSource[] = [
  { name: 'runware', files: { 'SKILL.md': new URL('./skills/runware/SKILL.md', import.meta.url) } },
];
