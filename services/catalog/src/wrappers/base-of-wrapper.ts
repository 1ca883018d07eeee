/** From a wrapper to the model that it runs: found for the caller, who needs the rights and keys that the model itself needs. */
import { AppError, type JsonObject, type Principal, type Problem } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import type { ModelDocument } from '../listed-models.ts';
import { resolveModel } from '../resolve-model.ts';
import { broken } from './check-definition.ts';
import { chooseBase, expandInput, problemsOf } from './expand-wrapper.ts';
import type { WrapperView } from './wrapper-document.ts';

/** The base model with its schemas, as this caller finds it. Throws `wrapper_broken` when it is gone. */
export async function resolveBase(
  deps: CatalogDeps,
  id: string,
  principal: Principal,
): Promise<ModelDocument> {
  try {
    const document = await resolveModel(deps, id, principal);
    if (!document.isDeleted && document.wrapper === undefined)
      return await deps.complete(document, principal);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'model_not_found') throw error;
  }
  throw broken([{ path: 'base_models', message: `${id} is no longer offered` }], id);
}

export interface WrappedInput {
  model: ModelDocument;
  input: JsonObject;
  problems: Problem[];
  /** Its name, for the record of the run. */
  wrapper: string;
}

/**
 * The base model and its input. Throws `wrapper_broken` where the model is gone or takes other inputs than the wrapper
 * makes: nothing of that is the caller's to mend.
 */
export async function expandForRun(
  deps: CatalogDeps,
  { document, view, raw }: { document: ModelDocument; view: WrapperView; raw: JsonObject },
  principal: Principal,
): Promise<WrappedInput> {
  const { base, input } = chooseBase(view, raw);
  const model = await resolveBase(deps, base, principal);
  const misfits = deps.wrappers.judge(view, model);
  if (misfits.length > 0) throw broken(misfits, model.id);
  const { mapped, problems } = expandInput(
    view.compiled,
    { base, validator: deps.validatorOf(model) },
    input,
  );
  return { model, input: mapped, problems, wrapper: document.id };
}

/** With the outputs and the price of its default base model, and with why it cannot be run, where it cannot. */
export async function completeWrapper(
  deps: CatalogDeps,
  document: ModelDocument,
  principal: Principal,
): Promise<ModelDocument> {
  const { wrapper: view } = document;
  if (view === undefined) return document;
  try {
    const base = await resolveBase(deps, view.bases[0], principal);
    const problems = deps.wrappers.judge(view, base);
    const { outputSchema, price, isLive } = base.model;
    return {
      ...document,
      provider: base.provider,
      isDescribed: true,
      model: { ...document.model, outputSchema, price, isLive: isLive && problems.length === 0 },
      wrapper: { ...view, problems },
    };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'wrapper_broken') throw error;
    const model = { ...document.model, isLive: false };
    return { ...document, isDescribed: true, model, wrapper: { ...view, problems: problemsOf(error) } };
  }
}
