export { generateModels } from './generate-models.ts';
export { ScriptedCatalogProvider } from './scripted-catalog-provider.ts';
