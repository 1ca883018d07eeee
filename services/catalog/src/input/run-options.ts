// Options of a run, checked by what its provider takes before any money moves: nothing is dropped without a word.
import type { JsonObject, Problem } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';

/** The product's own: the service that runs checks it. */
const common = 'ttl_seconds';
const maxProblems = 16;

/** What is wrong with the options of a run; a provider that does not say which it takes takes any. */
export function optionProblems({ runOptions, title }: Provider, options: JsonObject): Problem[] {
  if (runOptions === undefined) return [];
  const known = [common, ...Object.keys(runOptions.shape)];
  const { [common]: _ttl, ...own } = options;
  const parsed = runOptions.safeParse(own);
  if (parsed.success) return [];
  return parsed.error.issues.slice(0, maxProblems).flatMap((issue): Problem[] => {
    // No value is repeated: whoever puts a key here must not find it in a log.
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: `options.${key.slice(0, 60)}`,
        message: `is no option of ${title}`,
        hint: `known: ${known.join(', ')}`,
      }));
    }
    const path = issue.path.map(String).join('.');
    const field = runOptions.shape[String(issue.path[0])];
    return [{ path: `options.${path.slice(0, 60)}`, message: issue.message, hint: field?.description }];
  });
}
