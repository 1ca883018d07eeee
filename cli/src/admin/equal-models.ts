/** `npm run admin -- equal-models suggest`: which models of several platforms may do the same, for `CATALOG_FILE`. */
import {
  type EqualSuggestion,
  parseCatalogConfig,
  readCatalogFile,
  readCatalogModels,
  suggestEqualModels,
} from '@inferry/catalog';
import { type AdminVerbs, limitOf } from './context.ts';

export const equalModelVerbs: AdminVerbs = {
  /** Tells, and changes nothing. */
  async suggest(context) {
    const { database, env, print, values } = context;
    const { catalogFile } = parseCatalogConfig(env);
    const file = catalogFile === undefined ? {} : readCatalogFile(catalogFile);
    const all = suggestEqualModels(await readCatalogModels(database), file);
    for (const suggestion of all.slice(0, limitOf(context))) {
      if (values.json) print(JSON.stringify(suggestion));
      else for (const line of linesOf(suggestion)) print(line);
    }
    if (!values.json)
      print(all.length === 0 ? 'None found that CATALOG_FILE does not have.' : 'Nothing was changed.');
    return 0;
  },
};

function linesOf({ alias, capabilities, models, fields, open }: EqualSuggestion): string[] {
  const group = { models, ...(Object.keys(fields).length > 0 && { fields }) };
  const doubts = Object.entries(open).flatMap(([id, { missing, needs }]) => [
    ...(missing.length === 0 ? [] : [`  ${id} has nothing like ${missing.join(', ')}: null leaves it out`]),
    ...(needs.length === 0 ? [] : [`  ${id} needs ${needs.join(', ')}: it is passed over without`]),
  ]);
  return [`${JSON.stringify(alias)}: ${JSON.stringify(group)}`, `  ${capabilities.join(' ')}`, ...doubts];
}
