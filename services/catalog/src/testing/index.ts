export { generateModels } from './generate-models.ts';
export { ScriptedCatalogProvider } from './scripted-catalog-provider.ts';
export { type CatalogReplica, type CatalogWorld, openCatalogWorld } from './start-catalog.ts';
export { type MonthStep, upstreamMonth } from './upstream-month.ts';
