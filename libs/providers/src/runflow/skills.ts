import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use Runflow well. */
export const runflowSkills: readonly SkillSource[] = [
  { name: 'runflow', files: { 'SKILL.md': new URL('./skills/runflow/SKILL.md', import.meta.url) } },
];
