import type { Handler } from '@inferry/bus';
import { callOf, type getModel, hint, type JsonObject, runModel } from '@inferry/contracts';
import type { CallerAccess } from '../caller-access.ts';
import { withCallersFields } from '../curation/equal-fields.ts';
import { fieldsOf } from '../curation/equal-models.ts';
import type { CatalogDeps } from '../deps.ts';
import type { ModelDocument } from '../listed-models.ts';
import { toCard, toSummary } from '../model-card.ts';
import { resolveModel } from '../resolve-model.ts';
import { describeInputs } from '../sections/describe-inputs.ts';
import { toPortable } from '../sections/portable.ts';
import {
  type SectionWindow,
  type Windowed,
  windowOfList,
  windowOfObject,
  windowOfText,
} from '../sections/section-window.ts';
import { capabilitiesOf } from '../taxonomy.ts';
import { shortenModel } from './short-model.ts';

type Section = NonNullable<Parameters<Handler<typeof getModel>>[0]['sections']>[number];
type Description = Awaited<ReturnType<Handler<typeof getModel>>>;

const defaultSections: readonly Section[] = ['summary', 'inputs', 'pricing'];
/** What lists of summaries hold too. */
const listedSections: ReadonlySet<Section> = new Set<Section>(['summary', 'pricing', 'ids']);
const wrapperSections: ReadonlySet<Section> = new Set<Section>(['template', 'mappings']);
const defaultMaxChars = 6_000;
/** Of which a brief description keeps what fits. */
const maxMaxChars = 60_000;

export function handleGetModel(deps: CatalogDeps): Handler<typeof getModel> {
  return async ({ model: name, sections = [], ...shown }, context) => {
    const { principal } = context;
    const listed = await resolveModel(deps, name, principal);
    const wanted = new Set(sections.length === 0 ? defaultSections : sections);
    const whole = needsMore(wanted) ? await deps.complete(listed, principal) : listed;
    const names = fieldsOf(deps.models.curation.groupOf(name), listed.id);
    const document = withCallersFields(names, whole);
    const {
      capability,
      max_chars: maxChars = shown.brief === true ? maxMaxChars : defaultMaxChars,
      offset = 0,
    } = shown;
    const access = await deps.accesses.of(principal);
    const described = describe({ deps, document, access, window: { offset, maxChars }, capability }, wanted);
    if (shown.brief === true) return shortenModel(described, context.isShort);
    const asksMore = sections.length > 0 || shown.max_chars !== undefined || offset > 0;
    return asksMore ? described : shortenModel(described, context.isShort);
  };
}

function describe(request: SectionRequest, wanted: ReadonlySet<Section>): Description {
  // Every answer says which model it is about, and whether it can be run.
  const described: Description = { model: summaryOf(request, wanted.has('summary')) };
  const truncated: string[] = [];
  for (const section of wanted) {
    const read = readers[section];
    if (read === undefined || (wrapperSections.has(section) && request.document.wrapper === undefined))
      continue;
    const { value, isCut } = read(request);
    Object.assign(described, { [section]: value });
    if (isCut) truncated.push(section);
  }
  return truncated.length === 0 ? described : { ...described, truncated };
}

function needsMore(wanted: ReadonlySet<Section>): boolean {
  return ![...wanted].every((section) => listedSections.has(section));
}

interface SectionRequest {
  deps: CatalogDeps;
  document: ModelDocument;
  access: CallerAccess;
  window: SectionWindow;
  capability: string | undefined;
}

type SectionReader<S extends Section> = (
  request: SectionRequest,
) => Windowed<S extends keyof Description ? NonNullable<Description[S]> : never>;

/** `summary` is in every answer; `template` and `mappings` belong to wrappers. */
const readers: { [S in Section]?: SectionReader<S> } = {
  inputs: ({ deps, document, window }) =>
    windowOfList(describeInputs(deps.validatorOf(document).plain), window),
  schema: ({ document, window }) => windowOfObject(toPortable(document.model.inputSchema), window),
  output_schema: ({ document, window }) => windowOfObject(toPortable(document.model.outputSchema), window),
  pricing: ({ deps, document, window }) =>
    windowOfObject(pricingOf(deps.models.curation.priced(document.id, document.model)), window),
  examples: ({ document, window, capability }) => windowOfList(examplesOf(document, capability), window),
  template: ({ document, window }) =>
    windowOfText(document.wrapper?.compiled.definition.template ?? '', window),
  mappings: ({ document, window }) => windowOfObject(mappingsOf(document), window),
  readme: ({ deps, document, window }) => windowOfText(readmeOf(deps, document), window),
  // Whole: a piece of it is of no use to whoever wants exactly what the provider wrote.
  native_schema: ({ document: { model, wrapper } }) => ({
    value: model.nativeSchema ?? wrapper?.compiled.definition.input_schema ?? toPortable(model.inputSchema),
    isCut: false,
  }),
  ids: ({ document: { model } }) => ({ value: model.aliases ?? [], isCut: false }),
};

function summaryOf({ deps, document, access }: SectionRequest, isWanted: boolean) {
  const { id, provider, model, updatedAt, isDeleted, wrapper } = document;
  const card = deps.models.curation.apply(toCard({ id, provider, model, updatedAt, fingerprint: '' }));
  const summary = toSummary({ ...card, isLive: card.isLive && !isDeleted }, access);
  const [problem] = wrapper?.problems ?? [];
  if (problem !== undefined) summary.summary = `Broken: ${problem.message}. ${card.summary}`;
  if (isDeleted) summary.summary = `No longer offered by its provider. ${card.summary}`;
  if (isWanted) return summary;
  const { live, connected } = summary;
  return {
    model: summary.model,
    ...(live === false ? { live } : {}),
    ...(connected === false ? { connected } : {}),
  };
}

function pricingOf({ price, examples }: ModelDocument['model']): JsonObject {
  const { text, currency, basis, amount, table = [] } = price;
  // What a platform lists is its price; what an example once cost is only that.
  const listed = table.map(({ configuration, amount: cost }) => ({ configuration, cost }));
  const shown = examples
    .filter(({ cost }) => cost > 0)
    .map(({ title, cost }) => ({ configuration: title, cost }));
  const configurations = listed.length > 0 ? listed : shown;
  return {
    overview: text,
    currency,
    basis,
    ...(amount === undefined ? {} : { amount }),
    ...(configurations.length === 0 ? {} : { configurations }),
  };
}

/** An example that names no capability shows the model's own. */
function examplesOf({ model }: ModelDocument, capability: string | undefined): JsonObject[] {
  const wanted = capability?.toLowerCase();
  const isOwn = capabilitiesOf(model).some((own) => own === wanted);
  return model.examples
    .filter((example) => {
      if (wanted === undefined) return true;
      return example.capability === undefined ? isOwn : example.capability.toLowerCase() === wanted;
    })
    .map((example) => ({ ...example }));
}

/** How a wrapper makes the input of its base models, in the form that `patch_wrapper` takes. */
function mappingsOf({ wrapper }: ModelDocument): JsonObject {
  if (wrapper === undefined) return {};
  const { row, compiled, bases, problems } = wrapper;
  const { base_models: models, context = {} } = compiled.definition;
  const { wrapper_id: id, version, visibility, status } = row;
  return {
    wrapper_id: id,
    version: String(version),
    visibility,
    status,
    default_base_model: bases[0],
    base_models: models,
    context,
    ...(problems.length === 0 ? {} : { broken: problems }),
  };
}

/** With a picture of what it makes, and with the options that a run of it may have. */
function readmeOf({ providers }: CatalogDeps, { model, provider }: ModelDocument): string {
  const shape = providers.get(provider)?.runOptions?.shape;
  const names = ['ttl_seconds', 'priority', ...Object.keys(shape ?? {})].map((name) => {
    const meaning = shape?.[name]?.description;
    return meaning === undefined ? name : `${name} (${meaning})`;
  });
  return [
    model.coverUrl === undefined ? '' : `![${model.title}](${model.coverUrl})`,
    model.readme,
    shape === undefined ? '' : hint`Options of ${callOf(runModel)}: ${names.join('; ')}.`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}
