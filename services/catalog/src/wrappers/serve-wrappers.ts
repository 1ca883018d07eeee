/** The operations of wrappers beside those that change them: the guide, and a preview that stores nothing. */
import type { Handler } from '@inferry/bus';
import {
  AppError,
  callOf,
  clip,
  createWrapper,
  deleteWrapper,
  isObject,
  type JsonObject,
  type Principal,
  type Problem,
  patchWrapper,
  previewWrapper,
  validationFailed,
  wrapperGuide,
} from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import { createValidator } from '../input/model-validator.ts';
import { prepareInput } from '../input/prepare-input.ts';
import type { SkillShelf } from '../surface/skill-shelf.ts';
import { resolveBase } from './base-of-wrapper.ts';
import { type CompiledDefinition, compileDefinition, compileSchema } from './check-definition.ts';
import { parseMappings, toKnownNames } from './definition.ts';
import {
  chooseBase,
  type Expansion,
  expandInput,
  expandWith,
  inTermsOf,
  problemsOf,
} from './expand-wrapper.ts';
import { compileTemplate } from './template.ts';
import { basesOf, type WrapperView } from './wrapper-document.ts';
import { Wrappers } from './wrappers.ts';
import {
  check,
  handleCreateWrapper,
  handleDeleteWrapper,
  handlePatchWrapper,
  wrapperNotFound,
} from './write-wrappers.ts';

export function serveWrappers(deps: CatalogDeps, shelf: Pick<SkillShelf, 'guide'>): void {
  const { bus } = deps;
  bus.serve(wrapperGuide, handleWrapperGuide(shelf.guide('build-wrappers')));
  bus.serve(previewWrapper, handlePreviewWrapper(deps));
  bus.serve(createWrapper, handleCreateWrapper(deps));
  bus.serve(patchWrapper, handlePatchWrapper(deps));
  bus.serve(deleteWrapper, handleDeleteWrapper(deps));
}

/** The skill of the same name, as a whole or by one of its headings. */
function handleWrapperGuide(markdown: string): Handler<typeof wrapperGuide> {
  const [intro = '', ...parts] = markdown.replace(/^---\n[\s\S]*?\n---\n+/, '').split(/^## /m);
  const sections = parts.map((part) => {
    const [title = '', ...lines] = part.split('\n');
    return { title: title.trim(), text: `## ${title.trim()}\n${lines.join('\n').trimEnd()}` };
  });
  const names = sections.map(({ title }) => title);
  return async ({ section: wanted }) => {
    if (wanted === undefined) {
      return { guide: [intro.trim(), ...sections.map(({ text }) => text)].join('\n\n'), sections: names };
    }
    const found = sections.find(({ title }) => title.toLowerCase().includes(wanted.toLowerCase()));
    if (found !== undefined) return { guide: found.text, sections: names };
    throw validationFailed(callOf(wrapperGuide), [
      { path: 'section', message: 'is none of the guide', hint: `one of: ${names.join(', ')}` },
    ]);
  };
}

function handlePreviewWrapper(deps: CatalogDeps): Handler<typeof previewWrapper> {
  return async ({ wrapper_id: id, definition, sample_input: sample }, { principal }) => {
    if ((id === undefined) === (definition === undefined)) {
      throw validationFailed(callOf(previewWrapper), [
        { path: 'definition', message: 'or wrapper_id is to be given, and not both' },
      ]);
    }
    if (id !== undefined) return previewStored(deps, { id, sample }, principal);
    const fields = toKnownNames(definition ?? {});
    return fields.base_models === undefined
      ? previewDraft(fields, sample)
      : previewDefinition(deps, { fields, sample }, principal);
  };
}

type Preview = Awaited<ReturnType<Handler<typeof previewWrapper>>>;

async function previewStored(
  deps: CatalogDeps,
  { id, sample }: { id: string; sample: JsonObject },
  principal: Principal,
): Promise<Preview> {
  const key = Wrappers.keyOf(id);
  const found = key === undefined ? undefined : await deps.wrappers.find(key, principal);
  if (found === undefined) throw wrapperNotFound();
  return previewView(deps, { view: found.wrapper, sample, known: [] }, principal);
}

/** What would keep it from being stored is told beside what it makes, as far as that can be told. */
async function previewDefinition(
  deps: CatalogDeps,
  { fields, sample }: { fields: JsonObject; sample: JsonObject },
  principal: Principal,
): Promise<Preview> {
  const { visibility: _visibility, status: _status, version: _version, ...rest } = fields;
  try {
    const { definition } = await check(deps, { alias: 'draft', ...rest }, principal);
    const { compiled } = compileDefinition(definition);
    if (compiled === undefined) return { problems: [] };
    return await previewView(
      deps,
      { view: { compiled, bases: basesOf(definition) }, sample, known: [] },
      principal,
    );
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'validation_failed') throw error;
    return { ...drafted(rest, sample), problems: problemsOf(error) };
  }
}

async function previewView(
  deps: CatalogDeps,
  {
    view,
    sample,
    known,
  }: { view: Pick<WrapperView, 'compiled' | 'bases'>; sample: JsonObject; known: Problem[] },
  principal: Principal,
): Promise<Preview> {
  const { base, input } = chooseBase(view, sample);
  const model = await resolveBase(deps, base, principal);
  const validator = deps.validatorOf(model);
  const { prompt, mapped, problems } = expandInput(view.compiled, { base, validator }, input);
  const prepared = prepareInput(validator, structuredClone(mapped));
  const told = problems.length > 0 ? problems : inTermsOf(view.compiled, model, prepared.problems);
  return shown({ prompt, mapped, problems: [...known, ...told] });
}

/** A draft without base models: rendering and mapping alone. */
function previewDraft(fields: JsonObject, sample: JsonObject): Preview {
  const { template } = fields;
  if (template === undefined && fields.mappings === undefined) {
    throw validationFailed('definition', [{ path: 'template', message: 'is required' }]);
  }
  const { prompt, mapped, problems } = expandDraft(fields, sample);
  return shown({ prompt, mapped, problems });
}

/** A prompt may have a megabyte: enough of it is shown to judge it. */
const maxShown = 4_000;

function shown({ prompt, mapped, problems }: Expansion): Preview {
  const cut = Object.entries(mapped).map(([name, value]) => [
    name,
    typeof value === 'string' ? clip(value, maxShown) : value,
  ]);
  return {
    ...(prompt === undefined ? {} : { prompt: clip(prompt, maxShown) }),
    mapped_input: Object.fromEntries(cut),
    problems,
  };
}

function drafted(fields: JsonObject, sample: JsonObject): Pick<Preview, 'prompt' | 'mapped_input'> {
  try {
    const { prompt } = expandDraft(fields, sample);
    return prompt === undefined ? {} : { prompt: clip(prompt, maxShown) };
  } catch (error) {
    if (error instanceof AppError) return {};
    throw error;
  }
}

function expandDraft(
  { template, input_schema: schema, context, mappings }: JsonObject,
  sample: JsonObject,
): Expansion {
  const open = { type: 'object', additionalProperties: true };
  const compiled: Parameters<typeof expandWith>[0] = {
    template: typeof template === 'string' ? compileTemplate(template) : undefined,
    validator: isObject(schema) ? compileSchema(schema) : createValidator(open),
    definition: { context: readContext(context) },
  };
  return expandWith(compiled, { mappings: parseMappings(mappings), validator: undefined }, sample);
}

function readContext(context: unknown): CompiledDefinition['definition']['context'] {
  if (typeof context !== 'object' || context === null) return undefined;
  // as: a template takes whatever is in there for text; what is stored is checked before.
  return context as CompiledDefinition['definition']['context'];
}
