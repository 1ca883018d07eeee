import type { Bus } from '@inferry/bus';
import type { Database } from '@inferry/database';
import type { Parts } from '@inferry/runtime';
import type { ModelRecords } from './curation/equal-models.ts';
import type { ModelValidator } from './input/model-validator.ts';
import type { ModelDocument } from './listed-models.ts';
import type { ModelResolver } from './resolve-model.ts';
import type { Wrappers } from './wrappers/wrappers.ts';

/** What the handlers of this service need. */
export interface CatalogDeps extends ModelResolver {
  bus: Bus;
  database: Database;
  wrappers: Wrappers;
  /** How many wrappers one owner may have. */
  maxWrappers: number;
  log: Parts['log'];
  /** What became of the last runs of each model. */
  records: ModelRecords;
  now(): number;
  validatorOf(document: ModelDocument): ModelValidator;
}
