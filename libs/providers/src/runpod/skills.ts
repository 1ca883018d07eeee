import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use Runpod well. */
export const runpodSkills: readonly SkillSource[] = [
  { name: 'runpod', files: { 'SKILL.md': new URL('./skills/runpod/SKILL.md', import.meta.url) } },
];
