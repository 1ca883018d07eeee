/**
 * Names of fields of models that do the same: callers use one name for a field, each model has its own. What nobody has mapped
 * keeps its name, so that a field that one model alone has can be given to it.
 */
import type { JsonObject, Problem, Quote } from '@inferry/contracts';
import type { ModelDocument } from '../listed-models.ts';

/** Of a model: its own name by that of callers; null where it has no such field, and runs without it. */
export type FieldNames = Readonly<Record<string, string | null>>;

/** An input as a model is to be given it. */
export function toModelFields(names: FieldNames | undefined, input: JsonObject): JsonObject {
  if (names === undefined) return input;
  const mapped: JsonObject = {};
  for (const [name, value] of Object.entries(input)) {
    const own = Object.hasOwn(names, name) ? names[name] : name;
    // What its own name is given beside that of callers says more.
    if (own === null || own === undefined || (own !== name && Object.hasOwn(input, own))) continue;
    mapped[own] = value;
  }
  return mapped;
}

/** What is wrong with it, as its caller named the fields. */
export function toCallersFields(names: FieldNames | undefined, problems: readonly Problem[]): Problem[] {
  const callers = callersNames(names);
  return problems.map((problem) => ({ ...problem, path: renamedPath(callers, problem.path) }));
}

/** The same of a price's doubts. */
export function toCallersQuote(names: FieldNames | undefined, quote: Quote): Quote {
  const callers = callersNames(names);
  return { ...quote, unpriced_inputs: quote.unpriced_inputs.map((path) => renamedPath(callers, path)) };
}

function renamedPath(callers: ReadonlyMap<string, string>, path: string): string {
  const [own = ''] = path.split(/[.[/]/, 1);
  return (callers.get(own) ?? own) + path.slice(own.length);
}

/** The model with the names of fields that callers use. */
export function withCallersFields(names: FieldNames | undefined, document: ModelDocument): ModelDocument {
  const callers = callersNames(names);
  if (callers.size === 0) return document;
  const renamed = (fields: unknown): JsonObject =>
    Object.fromEntries(
      Object.entries(Object(fields)).map(([name, value]) => [callers.get(name) ?? name, value]),
    );
  const { inputSchema, examples } = document.model;
  const { properties, required } = inputSchema;
  return {
    ...document,
    // What is kept of a document is kept by this.
    revision: `${document.revision} ${JSON.stringify(names)}`,
    model: {
      ...document.model,
      inputSchema: {
        ...inputSchema,
        ...(properties === undefined ? {} : { properties: renamed(properties) }),
        ...(Array.isArray(required)
          ? { required: required.map((name) => callers.get(String(name)) ?? name) }
          : {}),
      },
      examples: examples.map((example) => ({ ...example, input: renamed(example.input) })),
    },
  };
}

/** Callers' names by the model's own. */
function callersNames(names: FieldNames | undefined): ReadonlyMap<string, string> {
  const pairs = Object.entries(names ?? {});
  return new Map(pairs.flatMap(([name, own]) => (own === null || own === name ? [] : [[own, name]])));
}
