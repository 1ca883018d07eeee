export { type CatalogConfig, parseCatalogConfig } from './config.ts';
export { readCatalogFile } from './curation/catalog-file.ts';
export { type EqualSuggestion, readCatalogModels, suggestEqualModels } from './curation/suggest-equal.ts';
export { catalogDefinition } from './definition.ts';
