export { type LoadedSkill, loadSkills } from './load-skills.ts';
export type { SkillSource } from './skill-source.ts';
