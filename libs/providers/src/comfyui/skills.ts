import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use workflows of ComfyUI well. */
export const comfyuiSkills: readonly SkillSource[] = [
  { name: 'comfyui', files: { 'SKILL.md': new URL('./skills/comfyui/SKILL.md', import.meta.url) } },
];
