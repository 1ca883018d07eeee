import type { Handler } from '@inferry/bus';
import {
  type JsonObject,
  type PreparedModel,
  type PreparedRun,
  type Principal,
  type Problem,
  type prepareRun,
  type prepareRuns,
  problemsOf,
} from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { prepareEqual } from '../curation/equal-models.ts';
import type { CatalogDeps } from '../deps.ts';
import { prepareInput, quoteInput } from '../input/prepare-input.ts';
import type { ModelDocument } from '../listed-models.ts';
import { mustBeRunnable, resolveModel } from '../resolve-model.ts';
import { expandForRun } from '../wrappers/base-of-wrapper.ts';
import { inTermsOf } from '../wrappers/expand-wrapper.ts';

export function handlePrepareRun(deps: CatalogDeps): Handler<typeof prepareRun> {
  return async ({ input, ...asked }, { principal }) => (await preparerOf(deps, asked, principal))(input);
}

export function handlePrepareRuns(deps: CatalogDeps): Handler<typeof prepareRuns> {
  return async ({ inputs, ...asked }, { principal }) => {
    const prepare = await preparerOf(deps, asked, principal);
    const runs: PreparedRun[] = [];
    for (const input of inputs) runs.push(await prepare(input));
    return { runs };
  };
}

type Prepared = PreparedModel;

/** What makes runs of inputs, once it is known which model is meant and that it can be run. */
export async function preparerOf(
  deps: CatalogDeps,
  { model: name, options = {} }: { model: string; options?: JsonObject | undefined },
  principal: Principal,
): Promise<(input: JsonObject) => Promise<PreparedRun>> {
  const named = await resolveModel(deps, { name, options }, principal);
  const group = deps.models.curation.groupOf(name);
  // An id wins over a name of the operator's.
  if (group === undefined || !group.models.includes(named.id))
    return preparerWith(deps, { named, options }, principal);
  const prepareWith = async (id: string) => {
    const model = await resolveModel(deps, { name: id, options }, principal);
    return preparerWith(deps, { named: model, options }, principal);
  };
  const prepare = await prepareEqual(deps, { group, prepareWith });
  return async (input) => {
    const { chosen, others, why } = await prepare(input);
    const isSame = (one: Prepared) => one.quote.currency === chosen.quote.currency;
    return { ...chosen, equal: { alias: name, why, others: group.failover ? others.filter(isSame) : [] } };
  };
}

/** The same for one model. */
async function preparerWith(
  deps: CatalogDeps,
  { named, options }: { named: ModelDocument; options: JsonObject },
  principal: Principal,
): Promise<(input: JsonObject) => Promise<Prepared>> {
  const runnable = named.wrapper === undefined ? await mustBeRunnable(deps, named, principal) : undefined;
  return async (raw) => {
    const wanted =
      named.wrapper === undefined
        ? { model: named, input: raw, problems: [], wrapper: undefined }
        : await expandForRun(deps, { document: named, view: named.wrapper, raw }, principal);
    const { document, provider } = runnable ?? (await mustBeRunnable(deps, wanted.model, principal));
    const prepared = prepareInput(deps.validatorOf(document), wanted.input);
    const { input, fileFields } = prepared;
    const compiled = named.wrapper?.compiled;
    const inProblems =
      compiled === undefined ? prepared.problems : inTermsOf(compiled, document, prepared.problems);
    const problems = [...withoutDoubles(wanted.problems, inProblems), ...optionProblems(provider, options)];
    return {
      ...(wanted.wrapper === undefined ? {} : { wrapper: wanted.wrapper }),
      model: document.id,
      provider: document.provider,
      native_id: document.model.nativeId,
      kind: document.model.kind,
      input,
      file_fields: fileFields,
      quote: quoteInput(provider, deps.models.curation.priced(document.id, document.model), {
        input,
        problems,
      }),
      problems,
    };
  };
}

/** A field that the wrapper's own schema refuses is missing from what the base model gets: that is said once. */
function withoutDoubles(own: readonly Problem[], base: readonly Problem[]): Problem[] {
  return own.length > 0 ? [...own] : [...base];
}

/** The product's own: the service that runs checks them. */
const common = ['ttl_seconds', 'priority'];
const maxProblems = 16;

/** What is wrong with the options of a run; a provider that does not say which it takes takes any. */
export function optionProblems({ runOptions, title }: Provider, options: JsonObject): Problem[] {
  if (runOptions === undefined) return [];
  const known = [...new Set([...common, ...Object.keys(runOptions.shape)])];
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => !common.includes(name)));
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
    const [told] = problemsOf({ issues: [issue] }, { value: own });
    const { path = '', message = issue.message, hint } = told ?? {};
    const { description } = runOptions.shape[String(issue.path[0])] ?? {};
    return [{ path: `options.${path.slice(0, 60)}`, message, hint: hint ?? description }];
  });
}
