export {
  type CapabilityFacts,
  capabilitiesOf,
  categoriesOf,
  type Form,
  fileMediaOf,
} from './capabilities.ts';
export { type FieldSpec, schemaOfFields } from './field-list.ts';
export { isMedium, type Medium, media, mediumOf, mediumOfType } from './media.ts';
export { guessMedium, type NormaliseOptions, normaliseSchema } from './normalise-schema.ts';
export { componentSchema, nativeComponent, requestBodySchema } from './open-api.ts';
