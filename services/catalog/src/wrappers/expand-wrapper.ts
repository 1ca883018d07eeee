/** The input of a wrapper made into the input of one of its base models; nothing here asks whether that model takes it. */
import {
  type AppError,
  isObject,
  isUnset,
  type JsonObject,
  type Problem,
  validationFailed,
} from '@inferry/contracts';
import type { ModelValidator } from '../input/model-validator.ts';
import { prepareInput, wrongFields } from '../input/prepare-input.ts';
import type { ModelDocument } from '../listed-models.ts';
import { type CompiledDefinition, hasFieldOf } from './check-definition.ts';
import { type Mappings, mapInput } from './mappings.ts';
import type { WrapperView } from './wrapper-document.ts';

/** The field beside a wrapper's own in which a call names one of several base models. */
const selector = 'base_model';

/** Which base model a call is for, and its input without that. Throws `validation_failed` for one that is none of them. */
export function chooseBase(
  { bases, compiled }: Pick<WrapperView, 'bases' | 'compiled'>,
  raw: JsonObject,
): { base: string; input: JsonObject } {
  const { [selector]: wanted, ...input } = raw;
  const [base] = bases;
  // A wrapper with one base model takes no notice of a choice.
  if (bases.length === 1 || isUnset(wanted) || wanted === undefined) return { base, input };
  const chosen = bases.find((id) => id === wanted || id.slice(id.indexOf('/') + 1) === wanted);
  if (chosen !== undefined) return { base: chosen, input };
  throw validationFailed(compiled.definition.alias, [
    { path: selector, message: 'is none of its base models', hint: `one of: ${bases.join(', ')}` },
  ]);
}

export interface Expansion {
  prompt: string | undefined;
  mapped: JsonObject;
  /** What is wrong with the wrapper's own input; it is left out of what is mapped. */
  problems: Problem[];
}

/** Renders and maps what is valid of an input. */
export function expandInput(
  compiled: CompiledDefinition,
  { base, validator }: { base: string; validator: ModelValidator | undefined },
  raw: JsonObject,
): Expansion {
  const at = compiled.definition.base_models.findIndex(({ model }) => model === base);
  const mappings: Mappings = compiled.definition.base_models[at]?.mappings ?? {};
  return expandWith(compiled, { mappings, validator }, raw);
}

/** The same for mappings that belong to no base model yet. */
export function expandWith(
  {
    definition,
    template,
    validator: own,
  }: Pick<CompiledDefinition, 'template' | 'validator'> & {
    definition: Pick<CompiledDefinition['definition'], 'context'>;
  },
  { mappings, validator }: { mappings: Mappings; validator: ModelValidator | undefined },
  raw: JsonObject,
): Expansion {
  const { input: prepared, problems } = prepareInput(own, raw);
  const wrong = wrongFields(problems);
  const input = Object.fromEntries(Object.entries(prepared).filter(([name]) => !wrong.includes(name)));
  const { maps = {}, constants = {} } = definition.context ?? {};
  const prompt = template?.render({ ...input, maps, constants });
  const hasField = validator === undefined ? () => undefined : hasFieldOf(validator);
  const reads = template?.reads ?? new Set<string>();
  return { prompt, problems, mapped: mapInput({ input, prompt, mappings, reads, hasField }) };
}

/** What the base model says of its input, in terms of the wrapper's fields where they are passed on. */
export function inTermsOf(
  { fields, definition }: CompiledDefinition,
  base: ModelDocument,
  problems: readonly Problem[],
): Problem[] {
  const names = new Set(fields.map(([name]) => name));
  const renames = definition.base_models.find(({ model }) => model === base.id)?.mappings.renames ?? {};
  const origins = new Map(Object.entries(renames).map(([from, to]) => [to, from]));
  return problems.map((problem) => {
    const [name = '', ...rest] = problem.path.split('.');
    const from = origins.get(name) ?? name;
    const path = [from, ...rest].filter((part) => part !== '').join('.');
    if (names.has(from)) return { ...problem, path };
    return { ...problem, message: `${problem.message} (input of ${base.id} that the wrapper makes)` };
  });
}

/** What a refusal says of fields. */
export function problemsOf(error: AppError): Problem[] {
  const { errors } = error.details ?? {};
  const listed = (Array.isArray(errors) ? errors : []).filter(
    (each): each is Problem =>
      isObject(each) && typeof each.path === 'string' && typeof each.message === 'string',
  );
  return listed.length > 0 ? listed : [{ path: '', message: error.message }];
}
