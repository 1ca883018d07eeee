export { type ModelCard, toCard } from '../model-card.ts';
export { type FoundModels, findModels, type ModelSearch } from './find-models.ts';
export { SearchIndex } from './search-index.ts';
