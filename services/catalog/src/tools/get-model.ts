import type { Handler } from '@inferry/bus';
import type { getModel, JsonObject, modelSections } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import { toCard, toSummary } from '../model-card.ts';
import type { ModelDocument } from '../model-documents.ts';
import { isRunnable, resolveModel } from '../resolve-model.ts';
import { describeInputs } from '../sections/describe-inputs.ts';
import {
  type SectionWindow,
  type Windowed,
  windowOfList,
  windowOfObject,
  windowOfText,
} from '../sections/section-window.ts';

type Section = (typeof modelSections)[number];
type Description = Awaited<ReturnType<Handler<typeof getModel>>>;

const defaultSections: readonly Section[] = ['summary', 'inputs', 'pricing'];
const defaultMaxChars = 6_000;

export function handleGetModel(deps: CatalogDeps): Handler<typeof getModel> {
  return async ({ model: name, sections = [], capability, max_chars: maxChars, offset }) => {
    const document = await resolveModel(deps, name);
    const window = { offset: offset ?? 0, maxChars: maxChars ?? defaultMaxChars };
    const wanted = new Set(sections.length === 0 ? defaultSections : sections);
    // Every answer says which model it is about, and whether it can be run.
    const described: Description = { model: summaryOf(deps, document, wanted.has('summary')) };
    const truncated: string[] = [];
    for (const section of wanted) {
      const read = readers[section];
      if (read === undefined) continue;
      const { value, isCut } = read({ deps, document, window, capability });
      Object.assign(described, { [section]: value });
      if (isCut) truncated.push(section);
    }
    return truncated.length === 0 ? described : { ...described, truncated };
  };
}

interface SectionRequest {
  deps: CatalogDeps;
  document: ModelDocument;
  window: SectionWindow;
  capability: string | undefined;
}

type SectionReader<S extends Section> = (
  request: SectionRequest,
) => Windowed<S extends keyof Description ? NonNullable<Description[S]> : never>;

/** `summary` is in every answer; `template` and `mappings` belong to wrappers, which no provider lists. */
const readers: { [S in Section]?: SectionReader<S> } = {
  inputs: ({ deps, document, window }) =>
    windowOfList(describeInputs(deps.validatorOf(document).plain), window),
  schema: ({ document, window }) => windowOfObject(document.model.inputSchema, window),
  output_schema: ({ document, window }) => windowOfObject(document.model.outputSchema, window),
  pricing: ({ document, window }) => windowOfObject(pricingOf(document), window),
  examples: ({ document, window, capability }) => windowOfList(examplesOf(document, capability), window),
  readme: ({ document, window }) => windowOfText(document.model.readme, window),
};

function summaryOf(deps: CatalogDeps, document: ModelDocument, isWanted: boolean) {
  const { provider, model, updatedAt } = document;
  const card = toCard({ provider, model, updatedAt, fingerprint: '' });
  const summary = toSummary(card, isRunnable(deps, document));
  if (isWanted) return summary;
  return { model: summary.model, ...(summary.live === false ? { live: false } : {}) };
}

function pricingOf({ model: { price, examples } }: ModelDocument): JsonObject {
  const { text, currency, basis, amount } = price;
  const configurations = examples
    .filter(({ cost }) => cost > 0)
    .map(({ title, cost }) => ({ configuration: title, cost }));
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
  const isOwn = model.capabilities.some((own) => own.toLowerCase() === wanted);
  return model.examples
    .filter((example) => {
      if (wanted === undefined) return true;
      return example.capability === undefined ? isOwn : example.capability.toLowerCase() === wanted;
    })
    .map((example) => ({ ...example }));
}
