import type { SkillSource } from '@inferry/skills';

/** What tells an agent how to use this server's tools together. */
export const ownSkills: readonly SkillSource[] = [
  {
    name: 'run-models',
    files: {
      'SKILL.md': new URL('../../skills/run-models/SKILL.md', import.meta.url),
      'references/files.md': new URL('../../skills/run-models/references/files.md', import.meta.url),
      'references/errors.md': new URL('../../skills/run-models/references/errors.md', import.meta.url),
    },
  },
  {
    name: 'build-wrappers',
    files: { 'SKILL.md': new URL('../../skills/build-wrappers/SKILL.md', import.meta.url) },
  },
];
