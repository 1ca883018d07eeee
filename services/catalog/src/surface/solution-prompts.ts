import {
  AppError,
  argumentOf,
  callOf,
  createUpload,
  hint,
  type ModelInput,
  modelId,
  type OfferedPrompt,
  type PromptMessage,
  runModel,
} from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import type { ModelDocument } from '../listed-models.ts';
import type { ModelCard } from '../model-card.ts';
import { describeInputs } from '../sections/describe-inputs.ts';
import { createTimeSlice } from '../time-slice.ts';

/** The prompt of one solution: what it is called, and what its message holds. */
export interface SolutionPrompt {
  offered: OfferedPrompt;
  model: string;
  provider: string;
  title: string;
  summary: string;
  /** The required inputs, which are the prompt's arguments. */
  inputs: readonly ModelInput[];
}

/** As many as a client can show; the best ones first come first served. */
const maxPrompts = 500;
const maxArguments = 32;
const maxDescription = 300;

/** One prompt for each packaged workflow that can be run now (RF-40) and each wrapper that everybody may run, by name. */
export async function makeSolutionPrompts(deps: CatalogDeps): Promise<ReadonlyMap<string, SolutionPrompt>> {
  const solutions = [...deps.models.cards()]
    .filter(
      ({ kind, isLive, provider }) => kind === 'solution' && isLive && deps.providers.isUsable(provider),
    )
    .sort(byRank)
    .slice(0, maxPrompts);
  const names = nameAll(solutions);
  const pause = createTimeSlice();
  const prompts = new Map<string, SolutionPrompt>();
  for (const card of solutions) {
    const document = await deps.documents.read(card.id);
    const name = names.get(card.id);
    if (document === undefined || name === undefined) continue;
    prompts.set(name, toPrompt(deps, name, document));
    await pause();
  }
  for (const card of deps.wrappers
    .publicCards()
    .filter(({ isLive }) => isLive)
    .sort(byRank)) {
    if (prompts.size >= maxPrompts) break;
    // With its owner in front: a wrapper takes no name from a workflow, nor changes it.
    const name = toSlug(card.id);
    const document = prompts.has(name) ? undefined : await deps.wrappers.findPublic(card.id);
    if (document !== undefined) prompts.set(name, toPrompt(deps, name, document));
    await pause();
  }
  return prompts;
}

function byRank(a: ModelCard, b: ModelCard): number {
  return Number(b.isFeatured) - Number(a.isFeatured) || b.weight - a.weight || (a.id < b.id ? -1 : 1);
}

/** `headshots` for `runflow/headshots`; where two would have one name, each has its provider's in front. */
function nameAll(cards: readonly ModelCard[]): ReadonlyMap<string, string> {
  const short = (card: ModelCard) => toSlug(shortOf(card.nativeId));
  const times = new Map<string, number>();
  for (const card of cards) times.set(short(card), (times.get(short(card)) ?? 0) + 1);
  return new Map(
    cards.map((card) => [card.id, times.get(short(card)) === 1 ? short(card) : toSlug(card.id)]),
  );
}

/** Last parts of ids that say nothing without the part before them. */
const isGeneric =
  /^(?:prompt|run|default|latest|main|base|input|generate|edit|image|video|audio|text|v?\d[\d.]*)$/i;

/** The last part of an id, with what comes before it where it names nothing by itself. */
function shortOf(nativeId: string): string {
  const parts = nativeId.split('/');
  const last = parts.at(-1) ?? nativeId;
  const before = parts.at(-2);
  return before !== undefined && isGeneric.test(last) ? `${before}-${last}` : last;
}

/** Within the 64 characters that clients take for a name. */
function toSlug(text: string): string {
  const slug = text
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
  return slug === '' ? 'solution' : slug;
}

function toPrompt(deps: CatalogDeps, name: string, document: ModelDocument): SolutionPrompt {
  const { title, summary } = document.model;
  const inputs = describeInputs(deps.validatorOf(document).plain)
    .filter(({ required, name: field }) => required && field !== undefined)
    .slice(0, maxArguments);
  const offered: OfferedPrompt = {
    name,
    title: clip(title, 200),
    description: clip(summary, maxDescription),
  };
  if (inputs.length > 0) {
    // Not required: a prompt that is picked shows what is to be filled in, and the user edits it (RF-42).
    offered.arguments = inputs.map((input) => ({
      name: clip(input.name ?? '', 128),
      description: clip(aboutInput(input), maxDescription),
    }));
  }
  return { offered, model: document.id, provider: document.provider, title, summary, inputs };
}

/** The message that leads to `run_model`, with a gap for each input that is not given (RF-42). */
export function writePrompt(
  prompt: SolutionPrompt,
  values: Readonly<Record<string, string>>,
): { description: string; messages: PromptMessage[] } {
  const known = new Set(prompt.inputs.map(({ name }) => name));
  const unknown = Object.keys(values).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new AppError('validation_failed', 'This prompt has no such argument.', {
      nextAction: `Its arguments: ${[...known].join(', ') || 'none'}.`,
    });
  }
  const lines = prompt.inputs.map((input) => {
    const value = values[input.name ?? ''];
    const isGiven = value !== undefined && value !== '';
    return `- ${input.name}: ${isGiven ? value : `<${aboutInput(input)}>`}`;
  });
  const text = [
    `Run "${prompt.title}" with ${callOf(runModel)}, model "${modelId(prompt.model)}".`,
    ...(prompt.summary === '' ? [] : [prompt.summary]),
    ...(lines.length === 0 ? [] : ['', 'Input:', ...lines]),
    '',
    `Ask me for every input in <angle brackets>.${hint` A local file is uploaded with ${callOf(createUpload)} first.`}${hint` Pass a ${argumentOf(runModel, 'client_ref')}, tell me the price before you run it if it is not trivial,`} and show me the outputs as links.`,
  ].join('\n');
  return {
    description: clip(`${prompt.title}: ${prompt.summary}`, 2_000),
    messages: [{ role: 'user', content: { type: 'text', text } }],
  };
}

function aboutInput({ type, description, allowed, is_file: isFile }: ModelInput): string {
  const kind = isFile ? 'file: a URL or an asset id' : type;
  const choice = allowed === undefined ? undefined : `one of ${allowed.slice(0, 12).join(', ')}`;
  const about = description?.replace(/\.$/, '');
  // That it is text says nothing beside what it is for.
  const form = choice ?? (kind === 'string' && about !== undefined && about !== '' ? undefined : kind);
  if (form === undefined) return description ?? '';
  return [about, form === 'string' ? 'any text' : form]
    .filter((part) => part !== undefined && part !== '')
    .join('; ');
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
