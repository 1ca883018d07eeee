export { computeDefinition } from './definition.ts';
