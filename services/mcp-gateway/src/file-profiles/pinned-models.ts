/** `?models=` of the canonical mount: models that a client names in its address are typed tools for that connection. */
import type { Bus } from '@inferry/bus';
import {
  type AnyTool,
  AppError,
  catalogChanged,
  hasScope,
  type Principal,
  Recent,
  wrapperChanged,
} from '@inferry/contracts';
import {
  createToolViews,
  isRefusal,
  type Refusal,
  rpcCodes,
  type Selection,
  type ToolView,
  type ViewTools,
} from '@inferry/mcp';
import { inferry } from '@inferry/profiles';
import { refuse, refuseUnavailable } from '../http-refusal.ts';
import { pinnedTool } from './create-file-profile.ts';
import { askModel } from './file-profiles.ts';

/** What is asked for, by whom, and what there is without it. */
interface Asked {
  /** As the address has it. */
  url: string;
  principal: Principal;
  selection: Selection;
  view: ToolView;
  /** Whoever begins is told what there is not; later a model that went away is one tool less. */
  isBeginning: boolean;
}

export interface PinnedModels {
  /** Undefined where an address names no models. */
  add(asked: Asked): Promise<ToolView | Refusal> | undefined;
  close(): void;
}

interface Pinned {
  at: number;
  viewTools: ViewTools;
  /** Of those that the caller cannot see, why. */
  missing: readonly Refusal[];
}

/** Every message of a connection names them: what was read is as good for as long. */
const keptMs = 60_000;
const maxModels = 20;
const run = inferry.tools.find(({ name }) => name === 'run_model');

export function openPinnedModels({ bus, offered }: { bus: Bus; offered: Selection }): PinnedModels {
  const known = new Recent<Promise<Pinned>>(500);
  const forget = () => known.clear();
  const events = [bus.on(catalogChanged, forget), bus.on(wrapperChanged, forget)];

  /** Once for everybody who asks at the same time with the same rights. */
  async function read(models: readonly string[], principal: Principal): Promise<Pinned> {
    const key = JSON.stringify([principal.subject, principal.grant_id, principal.scopes, models]);
    const found = await known.get(key)?.catch(() => undefined);
    if (found !== undefined && Date.now() - found.at < keptMs) return found;
    const reading = readModels(bus, models, principal);
    known.set(key, reading);
    reading.catch(() => known.delete(key));
    return reading;
  }

  async function add(models: readonly string[], asked: Asked): Promise<ToolView | Refusal> {
    const { principal, selection, view, isBeginning } = asked;
    if (models.length > maxModels) return refuseModels(`models takes ${maxModels} at most.`);
    if (!hasScope(principal.scopes, 'models:read') || offered.excluded.has('run_model')) return view;
    try {
      const { viewTools, missing } = await read(models, principal);
      const [first] = missing;
      if (isBeginning && first !== undefined) return first;
      return join(viewTools(selection, principal.scopes), view);
    } catch {
      return refuseUnavailable('The models in the address cannot be read now.');
    }
  }

  return {
    add(asked) {
      const models = modelsIn(asked.url);
      return models.length === 0 ? undefined : add(models, asked);
    },
    close() {
      for (const event of events) event.unsubscribe();
    },
  };
}

function modelsIn(url: string): string[] {
  const lists = new URL(url, 'http://gateway').searchParams.getAll('models');
  const named = lists.flatMap((list) => list.split(',')).map((model) => model.trim());
  return [...new Set(named)].filter((model) => model !== '');
}

async function readModels(bus: Bus, models: readonly string[], principal: Principal): Promise<Pinned> {
  const missing: Refusal[] = [];
  const tools: AnyTool[] = [];
  const names = namesOf(models);
  const answers = await Promise.all(
    models.map((model) => askModel(bus, model, principal).catch((error: unknown) => whyNot(model, error))),
  );
  for (const [at, answer] of answers.entries()) {
    const model = models[at] ?? '';
    if (isRefusal(answer)) missing.push(answer);
    else if (run !== undefined) {
      const properties = Object(answer.schema.properties);
      const pin = { model, client_ref: !('client_ref' in properties) };
      tools.push(pinnedTool(names[at] ?? model, pin, { known: answer, limits: {}, run }));
    }
  }
  return { at: Date.now(), viewTools: createToolViews(tools), missing };
}

/** Why there is no tool for a model; throws what says nothing of it. */
function whyNot(model: string, error: unknown): Refusal {
  const isOfModel = !(error instanceof AppError) || !error.retryable;
  if (!isOfModel) throw error;
  const said = error instanceof Error ? error.message : 'It cannot be a tool.';
  const nextAction = error instanceof AppError ? error.nextAction : undefined;
  return refuseModels(`${model.slice(0, 200)}: ${said}`, nextAction);
}

/** `run_speech` of `local/speech`: the id without its platform, whole where two would be the same. */
function namesOf(models: readonly string[]): string[] {
  const toName = (id: string) => `run_${id.replace(/[^a-zA-Z0-9]+/g, '_')}`.slice(0, 60).replace(/_+$/, '');
  const short = models.map((model) => toName(model.slice(model.indexOf('/') + 1)));
  const isTaken = (name: string) =>
    inferry.tools.some((tool) => tool.name === name) || short.filter((one) => one === name).length > 1;
  const names = short.map((name, at) => (isTaken(name) ? toName(models[at] ?? '') : name));
  return names.map((name, at) => (names.indexOf(name) === at ? name : `${name}_${at + 1}`));
}

/** The tools of the models before the others. */
function join(pinned: ToolView, view: ToolView): ToolView {
  return {
    byName: new Map([...pinned.byName, ...view.byName]),
    missingScopes: new Map([...pinned.missingScopes, ...view.missingScopes]),
    list: joinLists(pinned.list, view.list),
    appList: joinLists(pinned.appList, view.appList),
  };
}

const head = '{"tools":[';
const tail = ']}';

function joinLists(one: string, other: string): string {
  const items = [one, other]
    .map((list) => list.slice(head.length, -tail.length))
    .filter((part) => part !== '');
  return head + items.join(',') + tail;
}

function refuseModels(message: string, nextAction?: string): Refusal {
  const rpcCode = rpcCodes.invalidParams;
  return refuse(
    400,
    ['model_not_found', message],
    nextAction === undefined ? { rpcCode } : { rpcCode, nextAction },
  );
}
