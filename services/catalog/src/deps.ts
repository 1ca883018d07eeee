import type { Bus } from '@inferry/bus';
import type { ModelValidator } from './input/model-validator.ts';
import type { ModelDocument } from './model-documents.ts';
import type { ModelResolver } from './resolve-model.ts';

/** What the handlers of this service need. */
export interface CatalogDeps extends ModelResolver {
  bus: Bus;
  validatorOf(document: ModelDocument): ModelValidator;
}
