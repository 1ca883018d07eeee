/** What an owner does with wrappers: make, change and delete them. Every check comes before anything is stored. */
import { createHash, randomBytes } from 'node:crypto';
import type { Handler } from '@inferry/bus';
import {
  AppError,
  callOf,
  type createWrapper,
  type deleteWrapper,
  hint,
  type JsonObject,
  type Principal,
  type Problem,
  patchWrapper,
  runModel,
  searchModels,
  validationFailed,
  type Wrapper,
} from '@inferry/contracts';
import { isUniqueViolation } from '@inferry/database';
import {
  deleteWrapper as deleteRow,
  insertWrapper,
  type OwnedWrapperRow,
  updateWrapper,
  type WrapperRow,
} from '@inferry/database/wrappers';
import type { CatalogDeps } from '../deps.ts';
import type { ModelDocument } from '../listed-models.ts';
import { resolveModel } from '../resolve-model.ts';
import { checkAgainst, compileDefinition } from './check-definition.ts';
import { type Definition, parseDefinition, type Standing, splitDefinition } from './definition.ts';
import { problemsOf } from './expand-wrapper.ts';
import { ownerNameOf } from './owner-names.ts';
import { basesOf, wrapperName } from './wrapper-document.ts';
import { type WrapperDocument, Wrappers } from './wrappers.ts';

/** So long a deleted one is remembered: calls that are made again have the same answer. */
const rememberedMs = 7 * 86_400_000;

const ownList = callOf(searchModels, { mine: true, kind: 'wrapper' });

export function handleCreateWrapper(deps: CatalogDeps): Handler<typeof createWrapper> {
  return async ({ definition: raw, client_ref: ref, ...given }, { principal }) => {
    const { fields, standing } = splitDefinition(raw);
    const { definition, warnings } = await check(deps, fields, principal);
    const owner = await ownerNameOf(principal, namingOptions(deps));
    refuseModelName(deps, `${owner}/${definition.alias}`);
    const now = deps.now();
    const row: WrapperRow = {
      wrapper_id: `wrp_${randomBytes(12).toString('base64url')}`,
      subject: principal.subject,
      alias: definition.alias,
      definition: JSON.stringify(definition),
      visibility: given.visibility ?? standing.visibility ?? 'private',
      status: given.status ?? standing.status ?? 'draft',
      version: 1,
      client_ref: ref ?? null,
      request_hash: ref === undefined ? null : hashOf({ raw, given }),
      created_at: now,
      updated_at: now,
      deleted_at: null,
    };
    const bounds = { most: deps.maxWrappers, forgetBefore: now - rememberedMs };
    const inserted = await insertWrapper(deps.database, row, bounds).catch(aliasOrThrow);
    if (inserted.kind === 'alias_taken') throw aliasTaken();
    if (inserted.kind === 'too_many') throw tooMany(deps.maxWrappers);
    const { row: stored } = inserted;
    if (inserted.kind === 'replay') return { wrapper: replayed(row, { ...stored, owner }), replayed: true };
    deps.wrappers.announce(principal.subject, row.wrapper_id);
    return { wrapper: toWrapper({ ...stored, owner }, definition, warnings) };
  };
}

export function handlePatchWrapper(deps: CatalogDeps): Handler<typeof patchWrapper> {
  return async ({ wrapper_id: id, patch, if_version: ifVersion }, { principal }) => {
    const { fields, standing } = splitDefinition(patch);
    const wanted = ifVersion ?? standing.version;
    // Somebody else may change it between reading and writing: without a version that is no conflict.
    for (let tries = 0; tries < 3; tries++) {
      const { row } = (await findOwn(deps, id, principal)).wrapper;
      if (wanted !== undefined && wanted !== String(row.version)) throw versionConflict(row.version);
      const changed = await change(deps, { row, fields, standing }, principal);
      if (changed !== undefined) return { wrapper: changed };
      if (wanted !== undefined)
        throw versionConflict((await findOwn(deps, id, principal)).wrapper.row.version);
    }
    throw new AppError('busy', 'The wrapper is being changed by several calls at once.', {
      retryAfterSeconds: 1,
    });
  };
}

export function handleDeleteWrapper(deps: CatalogDeps): Handler<typeof deleteWrapper> {
  return async ({ wrapper_id: id }, { principal }) => {
    const { subject } = principal;
    const key = Wrappers.keyOf(id);
    const wrapperId =
      key !== undefined && 'wrapperId' in key
        ? id
        : (await findOwn(deps, id, principal)).wrapper.row.wrapper_id;
    const isDeleted = await deleteRow(deps.database.queries, { wrapperId, subject, at: deps.now() });
    if (!isDeleted) throw wrapperNotFound();
    deps.wrappers.announce(subject, wrapperId);
    return { deleted: true };
  };
}

/** One of the caller's; somebody else's is as if it were not there, whoever may see it. */
export async function findOwn(deps: CatalogDeps, id: string, principal: Principal): Promise<WrapperDocument> {
  const key = Wrappers.keyOf(id);
  const found = key === undefined ? undefined : await deps.wrappers.find(key, principal);
  if (found === undefined || found.wrapper.row.subject !== principal.subject) throw wrapperNotFound();
  return found;
}

export function wrapperNotFound(): AppError {
  return new AppError('wrapper_not_found', 'You have no such wrapper.', {
    nextAction: hint`${ownList} shows yours.`,
  });
}

/** Undefined when another version was stored meanwhile. */
async function change(
  deps: CatalogDeps,
  { row, fields, standing }: { row: OwnedWrapperRow; fields: JsonObject; standing: Standing },
  principal: Principal,
): Promise<Wrapper | undefined> {
  const before: JsonObject = JSON.parse(row.definition);
  const { definition, warnings } = await check(deps, { ...before, ...fields }, principal);
  if (definition.alias !== row.alias) refuseModelName(deps, `${row.owner}/${definition.alias}`);
  const set = {
    alias: definition.alias,
    definition: JSON.stringify(definition),
    visibility: standing.visibility ?? row.visibility,
    status: standing.status ?? row.status,
    updated_at: deps.now(),
  };
  const { wrapper_id: wrapperId, subject, version } = row;
  const isSame = (['alias', 'definition', 'visibility', 'status'] as const).every(
    (name) => set[name] === row[name],
  );
  // What is asked for a second time has happened already: the version stays.
  if (isSame) return toWrapper(row, definition, warnings);
  try {
    const changed = await updateWrapper(deps.database.queries, { wrapperId, subject, version, set });
    if (changed === undefined) return undefined;
    deps.wrappers.announce(subject, wrapperId);
    return toWrapper({ ...changed, owner: row.owner }, definition, warnings);
  } catch (error) {
    if (isUniqueViolation(error)) throw aliasTaken();
    throw error;
  }
}

/** The definition with its base models under their ids. Throws `validation_failed` with everything that is wrong. */
export async function check(
  deps: CatalogDeps,
  fields: JsonObject,
  principal: Principal,
): Promise<{ definition: Definition; warnings: string[] }> {
  const { definition, bases, problems } = await withBases(deps, parseDefinition(fields), principal);
  const { compiled, problems: own, warnings } = compileDefinition(definition);
  const misfits =
    compiled === undefined
      ? []
      : bases.flatMap((base, at) =>
          base === undefined
            ? []
            : checkAgainst(compiled, { id: base.id, validator: deps.validatorOf(base) }, at),
        );
  const all = [...problems, ...own, ...misfits];
  if (all.length > 0) throw validationFailed('definition', all.slice(0, 16));
  return { definition, warnings };
}

interface FoundBases {
  definition: Definition;
  bases: (ModelDocument | undefined)[];
  problems: Problem[];
}

/** A base model is named as in any call; what is stored is its id. */
async function withBases(deps: CatalogDeps, given: Definition, principal: Principal): Promise<FoundBases> {
  const problems: Problem[] = [];
  const bases: FoundBases['bases'] = [];
  for (const [at, { model }] of given.base_models.entries()) {
    const found = await findBase(deps, model, principal);
    if ('problem' in found) problems.push({ path: `base_models.${at}.model`, ...found.problem });
    else if (bases.some((other) => other?.id === found.base.id))
      problems.push({ path: `base_models.${at}.model`, message: `is ${found.base.id} a second time` });
    bases.push('base' in found ? found.base : undefined);
  }
  const base_models = given.base_models.map((base, at) => ({ ...base, model: bases[at]?.id ?? base.model }));
  const nth = given.base_models.findIndex(({ model }) => model === given.default_base_model);
  const usual = nth < 0 ? given.default_base_model : base_models[nth]?.model;
  return {
    definition: { ...given, base_models, ...(usual === undefined ? {} : { default_base_model: usual }) },
    bases,
    problems,
  };
}

async function findBase(
  deps: CatalogDeps,
  name: string,
  principal: Principal,
): Promise<{ base: ModelDocument } | { problem: Omit<Problem, 'path'> }> {
  try {
    const base = await resolveModel(deps, name, principal);
    if (base.wrapper !== undefined)
      return { problem: { message: 'is a wrapper: name the model that it runs on' } };
    if (base.isDeleted) return { problem: { message: 'is no longer offered' } };
    return { base: await deps.complete(base, principal) };
  } catch (error) {
    if (!(error instanceof AppError) || error.retryable) throw error;
    return { problem: { message: error.message, hint: error.nextAction ?? problemsOf(error)[0]?.hint } };
  }
}

/** What a name leads to must not change because somebody made a wrapper. */
function refuseModelName({ models }: CatalogDeps, name: string): void {
  const isModel =
    models.known(name) !== undefined ||
    models.withNativeId(name).length > 0 ||
    models.withAlias(name).length > 0 ||
    models.curation.aliasOf(name) !== undefined;
  if (!isModel) return;
  throw validationFailed('definition', [
    { path: 'alias', message: `makes ${name}, which is the id of a model`, hint: 'choose another alias' },
  ]);
}

export function namingOptions({ database, providers, accesses, now }: CatalogDeps) {
  const isPlatform = (name: string) =>
    providers.get(name) !== undefined || accesses.refusalOfKnown(name) !== undefined;
  return { database, isPlatform, now: now() };
}

function toWrapper(row: OwnedWrapperRow, definition: Definition, warnings: readonly string[]): Wrapper {
  const name = wrapperName(row);
  const bases = basesOf(definition);
  const isOpen = row.status === 'published' && row.visibility !== 'private';
  return {
    wrapper_id: row.wrapper_id,
    model: name,
    version: String(row.version),
    visibility: row.visibility,
    status: row.status,
    title: definition.title ?? row.alias,
    default_base_model: bases[0],
    // The first ones: `get_model` has all of them.
    base_models: bases.slice(0, 4),
    created_at: new Date(row.created_at).toISOString(),
    updated_at: new Date(row.updated_at).toISOString(),
    ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, 3) }),
    next_action: isOpen
      ? hint`Run it with ${callOf(runModel, { model: name })}.`
      : hint`Try it with ${callOf(runModel, { model: name })}.` +
        hint` Publish it with ${callOf(patchWrapper, { wrapper_id: row.wrapper_id, patch: undefined })}: visibility public, status published.`,
  };
}

/** The wrapper of a `client_ref` that was used before, when the call is the same. */
function replayed(wanted: WrapperRow, stored: OwnedWrapperRow): Wrapper {
  if (stored.request_hash !== wanted.request_hash || stored.deleted_at !== null) {
    throw new AppError(
      'idempotency_conflict',
      stored.deleted_at === null
        ? 'This client_ref belongs to another definition.'
        : 'This client_ref made a wrapper that was deleted since.',
      { nextAction: 'Use a new client_ref for a new wrapper.', details: { wrapper_id: stored.wrapper_id } },
    );
  }
  return toWrapper(stored, parseDefinition(JSON.parse(stored.definition)), []);
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** Another call may have taken an alias between the look and the writing. */
function aliasOrThrow(error: unknown): never {
  throw isUniqueViolation(error) ? aliasTaken() : error;
}

function aliasTaken(): AppError {
  return validationFailed('definition', [
    {
      path: 'alias',
      message: 'is that of another wrapper of yours',
      hint: 'choose another alias, or change that one',
    },
  ]);
}

function tooMany(most: number): AppError {
  return new AppError('too_many_wrappers', `You have ${most} wrappers, and may have no more.`, {
    nextAction: hint`Delete some that nobody needs: ${ownList} shows them.`,
  });
}

function versionConflict(version: number): AppError {
  return new AppError(
    'version_conflict',
    'The wrapper was changed since that version. Nothing was changed now.',
    {
      nextAction: 'Read it again, and name the version that it has.',
      details: { version: String(version) },
    },
  );
}
