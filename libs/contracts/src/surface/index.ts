export {
  maxSkillBytes,
  maxSkillFiles,
  OfferedPrompt,
  OfferedResource,
  OfferedSkill,
  OfferedTemplate,
  PromptMessage,
  ResourceContents,
} from './shapes.ts';
export { type Completion, maxCompletions, type Surface, SurfaceDescription, surfaceOf } from './surface.ts';
