/** The profiles of a folder while they are served: files are read again when they change, and models when the catalog does. */

import { type FSWatcher, readdirSync, readFileSync, watch } from 'node:fs';
import { basename, extname, join } from 'node:path';
import type { Bus } from '@inferry/bus';
import {
  AppError,
  catalogChanged,
  getModel,
  localPrincipal,
  type Principal,
  type Profile,
  wrapperChanged,
} from '@inferry/contracts';
import type { Offer, Selection } from '@inferry/mcp';
import type { Parts } from '@inferry/runtime';
import { createFileProfile, type KnownModel, type PinFault, pinFaults } from './create-file-profile.ts';
import {
  type PinnedModel,
  type ProfileSpec,
  profileEndings,
  type ReadFile,
  readProfileFile,
} from './profile-file.ts';

export interface FileProfiles {
  /** Undefined where no sound file has this name. */
  offerOf(key: string): Offer | undefined;
  /** Of every sound file. */
  offers(): Offer[];
  close(): void;
}

export interface FileProfilesParts {
  bus: Bus;
  log: Pick<Parts['log'], 'info' | 'warn' | 'error'>;
  /** What the deployment takes away counts for its tools by whatever name. */
  offered: Selection;
  createOffer(profile: Profile): Offer;
  onToolsChanged(key: string): void;
}

/** One file that is served. */
interface Served {
  read: ReadFile;
  spec: ProfileSpec;
  /** By the names of their tools, those that can be listed. */
  models: Map<string, KnownModel>;
  /** What was said of a pinned model, so that it is said once. */
  told: Map<string, string>;
  offer: Offer;
}

/** Editors write in several steps; changes within this time are one. */
const gatherMs = 200;
/** How often models are asked for, since an event may be lost. */
const rereadMs = 30_000;

/** The files of a folder, or one file. */
export function readProfiles(path: string): ReadFile[] {
  const files = profileEndings.includes(extname(path))
    ? [path]
    : readdirSync(path)
        .filter((name) => profileEndings.includes(extname(name)))
        .sort()
        .map((name) => join(path, name));
  const read = files.map((file) => readProfileFile(file, readFileSync(file, 'utf8')));
  // Which of the two is meant is for the operator to say.
  return read.map((one, at) =>
    read.findIndex(({ key }) => key === one.key) === at
      ? one
      : {
          ...one,
          spec: undefined,
          problems: [`${basename(files[at] ?? '')}:1: another file is /mcp/${one.key} already`],
        },
  );
}

export function openFileProfiles(folder: string, parts: FileProfilesParts): FileProfiles {
  const { bus, log } = parts;
  const served = new Map<string, Served>();
  let texts = new Map<string, string>();
  let watcher: FSWatcher | undefined;
  let isClosed = false;

  function readFolder(): void {
    try {
      const files = readProfiles(folder);
      const next = new Map(files.map((file) => [file.key, JSON.stringify([file.spec, file.problems])]));
      for (const file of files) if (texts.get(file.key) !== next.get(file.key)) take(file);
      for (const key of served.keys()) if (!next.has(key)) drop(key);
      texts = next;
    } catch (error) {
      log.error({ err: error, folder }, 'the folder of profiles cannot be read');
    }
  }

  function take(read: ReadFile): void {
    const { key, spec, problems } = read;
    for (const problem of problems) log.error({ profile: key, problem }, 'a profile is not served');
    if (spec === undefined) return drop(key);
    const models = new Map<string, KnownModel>();
    const file = { read, spec, models };
    served.set(key, { ...file, told: new Map(), offer: offerOf(file) });
    log.info({ profile: key }, 'a profile of a file is served');
    parts.onToolsChanged(key);
    readModels(key);
  }

  function drop(key: string): void {
    if (served.delete(key)) parts.onToolsChanged(key);
  }

  function offerOf({ read, spec, models }: Pick<Served, 'read' | 'spec' | 'models'>): Offer {
    const profile = createFileProfile({ key: read.key, spec, models });
    const { excluded } = parts.offered;
    const tools = profile.tools.filter(({ operation }) => !excluded.has(operation.name));
    return parts.createOffer({ ...profile, tools });
  }

  function readModels(key: string): void {
    const file = served.get(key);
    const pins = Object.entries(file?.spec.models ?? {});
    if (file === undefined || pins.length === 0) return;
    void Promise.all(pins.map(([name, pin]) => readModel(file, name, pin))).then((changes) => {
      if (isClosed || served.get(key) !== file || !changes.includes(true)) return;
      file.offer = offerOf(file);
      parts.onToolsChanged(key);
    });
  }

  /** Whether what is listed of it is different now. */
  async function readModel(file: Served, name: string, pin: PinnedModel): Promise<boolean> {
    const known = file.models.get(name);
    try {
      const model = await askModel(bus, pin.model, localPrincipal);
      const faults = pinFaults(pin, model);
      if (faults.length > 0) {
        tell(file, name, faults);
        return file.models.delete(name);
      }
      file.told.delete(name);
      file.models.set(name, model);
      return JSON.stringify(known) !== JSON.stringify(model);
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal';
      const said = error instanceof Error ? error.message : String(error);
      const near = error instanceof AppError ? nearOf(error) : '';
      const message = `${pin.model}: ${said}${near} It is listed once it is there.`;
      tell(file, name, [{ at: ['model'], message }]);
      // A catalog that cannot be asked says nothing of the model.
      return code === 'model_not_found' && file.models.delete(name);
    }
  }

  /** Once each: the same is found at every look. */
  function tell(file: Served, name: string, faults: readonly PinFault[]): void {
    const { key, lineOf } = file.read;
    const said = JSON.stringify(faults);
    if (file.told.get(name) === said || isClosed) return;
    file.told.set(name, said);
    for (const { at, message } of faults) {
      const line = lineOf(['models', name, ...at]);
      log.warn({ profile: key, tool: name, line, problem: message }, 'a pinned model is not listed');
    }
  }

  const readAll = gather(() => {
    for (const key of served.keys()) readModels(key);
  });
  const readAgain = gather(readFolder);
  readFolder();
  try {
    watcher = watch(folder, readAgain.call).on('error', () => undefined);
  } catch {
    // The timer finds what changes.
  }
  const timer = setInterval(() => {
    readFolder();
    readAll.call();
  }, rereadMs).unref();
  const events = [bus.on(catalogChanged, readAll.call), bus.on(wrapperChanged, readAll.call)];
  return {
    offerOf: (key) => served.get(key)?.offer,
    offers: () => [...served.values()].map(({ offer }) => offer),
    close() {
      isClosed = true;
      clearInterval(timer);
      watcher?.close();
      for (const part of [readAll, readAgain]) part.close();
      for (const event of events) event.unsubscribe();
    },
  };
}

/** What a tool needs to know of a model, as whoever asks may know it. */
export async function askModel(bus: Bus, id: string, principal: Principal): Promise<KnownModel> {
  const { model, schema, truncated } = await bus.call(
    getModel,
    { model: id, sections: ['summary', 'schema'], max_chars: 60_000 },
    { principal },
  );
  if (schema === undefined) throw new Error('it has no schema of its input.');
  if (truncated?.includes('schema') === true) throw new Error('its schema is too long for a tool.');
  return { schema, name: model?.title, description: model?.summary };
}

/** The models that are meant, perhaps. */
function nearOf({ details }: AppError): string {
  const { suggestions } = details ?? {};
  return Array.isArray(suggestions) && suggestions.length > 0
    ? ` Did you mean ${suggestions.join(' or ')}?`
    : '';
}

/** Calls that come close together are one. */
function gather(act: () => void): { call(): void; close(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    call() {
      timer ??= setTimeout(() => {
        timer = undefined;
        act();
      }, gatherMs).unref();
    },
    close: () => clearTimeout(timer),
  };
}
