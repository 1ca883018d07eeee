export { uploadDefinition } from './definition.ts';
