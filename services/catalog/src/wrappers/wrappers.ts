/**
 * The wrappers of this deployment, as the catalog reads them: one by its name as the database has it now, and all that a
 * caller may find in memory. Who may see what is decided by the query, so that somebody else's private wrapper is never
 * read at all.
 */

import type { Bus } from '@inferry/bus';
import { AppError, type Principal, type Problem, Recent, wrapperChanged } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import {
  findVisibleWrapper,
  listOwnVersions,
  listPublicVersions,
  readWrappers,
  type WrapperKey,
} from '@inferry/database/wrappers';
import { type Parts, withDeadline } from '@inferry/runtime';
import type { ModelValidator } from '../input/model-validator.ts';
import type { ListedModels, ModelDocument, ModelDocuments } from '../listed-models.ts';
import type { ModelCard } from '../model-card.ts';
import { SearchIndex } from '../search/search-index.ts';
import { fingerprintOf } from '../sync/snapshot-reader.ts';
import { type CompiledDefinition, checkAgainst } from './check-definition.ts';
import { basesOf, createCompiler, toWrapperDocument, type WrapperView } from './wrapper-document.ts';
import { WrapperList } from './wrapper-list.ts';

export interface WrappersOptions {
  bus: Bus;
  database: Database;
  models: ListedModels;
  documents: ModelDocuments;
  validatorOf(document: ModelDocument): ModelValidator;
  log: Parts['log'];
  now(): number;
}

/** More are found by their names alone. */
const maxPublic = 5_000;
/** Whoever changes a wrapper tells everybody; a message that is lost costs so much. */
const freshMs = 30_000;
const maxOwners = 500;
const maxJudged = 1_000;
const idForm = /^wrp_[\w-]{8,64}$/;
const nameForm = /^([a-z0-9][a-z0-9-]{0,63})\/([a-z0-9][a-z0-9._-]{0,63})$/;

export type WrapperDocument = ModelDocument & { wrapper: WrapperView };

interface OwnList {
  list: WrapperList;
  readAt: number;
  reading: Promise<void> | undefined;
}

export class Wrappers {
  readonly #options: WrappersOptions;
  readonly #public: WrapperList;
  readonly #own = new Recent<OwnList>(maxOwners);
  readonly #compile = createCompiler();
  readonly #judged = new Recent<Problem[]>(maxJudged);
  #version = '';
  #refreshing: Promise<void> | undefined;
  #isAskedAgain = false;
  #onRefreshed: (() => void) | undefined;
  #isClosed = false;
  readonly #subscription: { unsubscribe(): void };

  constructor(options: WrappersOptions) {
    this.#options = options;
    this.#public = this.#createList();
    this.#subscription = options.bus.on(wrapperChanged, ({ subject }) => {
      this.#forget(subject);
      this.refreshSoon();
    });
  }

  /** Another text whenever what everybody finds is another one. */
  get version(): string {
    return this.#version;
  }

  /** What everybody finds. */
  get publicIndex(): SearchIndex {
    return this.#public.index;
  }

  publicCards(): ModelCard[] {
    return this.#public.cards();
  }

  /** `wrp_…`, or what may be a name and an alias; undefined for what no wrapper is called. */
  static keyOf(name: string): WrapperKey | undefined {
    if (idForm.test(name)) return { wrapperId: name };
    const [, owner, alias] = nameForm.exec(name) ?? [];
    return owner === undefined || alias === undefined ? undefined : { owner, alias };
  }

  /** As the database has it now, when this caller may see it. */
  async find(key: WrapperKey, { subject }: Pick<Principal, 'subject'>): Promise<WrapperDocument | undefined> {
    const { database, models } = this.#options;
    const row = await findVisibleWrapper(database.queries, key, subject);
    if (row === undefined) return undefined;
    const document = toWrapperDocument(row, { compiled: this.#compile(row), models });
    return models.curation.isHidden(document.id) ? undefined : document;
  }

  /** One that everybody may find. */
  findPublic(name: string): Promise<WrapperDocument | undefined> {
    const key = Wrappers.keyOf(name);
    return key === undefined ? Promise.resolve(undefined) : this.find(key, { subject: '' });
  }

  /** What the wrapper would send to this model and the model does not take, as both are now. */
  judge({ row, compiled }: WrapperView, base: ModelDocument): Problem[] {
    const key = `${row.wrapper_id}@${row.version}/${base.id}@${base.revision}`;
    const known = this.#judged.get(key);
    if (known !== undefined) return known;
    const at = compiled.definition.base_models.findIndex(({ model }) => model === base.id);
    const problems = checkAgainst(compiled, { id: base.id, validator: this.#options.validatorOf(base) }, at);
    this.#judged.set(key, problems);
    return problems;
  }

  /** Everything that is the caller's own, drafts included. */
  async ownIndex(
    { subject }: Pick<Principal, 'subject'>,
    patienceMs: number,
  ): Promise<{ index: SearchIndex; isStale: boolean }> {
    const reading = this.#ownOf(subject);
    // A search has what is in memory, whatever the database does.
    const isRead = await withDeadline(reading, patienceMs).catch(() => false);
    return { index: this.#own.get(subject)?.list.index ?? noWrappers, isStale: isRead === false };
  }

  /** `listener` is called after each reading of what everybody finds. */
  onRefreshed(listener: () => void): void {
    this.#onRefreshed = listener;
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
  }

  refreshSoon(): void {
    if (this.#isClosed) return;
    if (this.#refreshing !== undefined) {
      this.#isAskedAgain = true;
      return;
    }
    this.#refreshing = this.#refresh()
      .then(() => this.#onRefreshed?.())
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'wrappers cannot be read'))
      .finally(() => {
        this.#refreshing = undefined;
        if (!this.#isAskedAgain) return;
        this.#isAskedAgain = false;
        this.refreshSoon();
      });
  }

  /** After the last reading that was asked for. */
  async settled(): Promise<void> {
    while (this.#refreshing !== undefined) await this.#refreshing;
  }

  /** Of this owner a wrapper is another one now. */
  announce(subject: string, wrapperId: string): void {
    this.#forget(subject);
    this.refreshSoon();
    this.#options.bus.publish(wrapperChanged, { subject, wrapper_id: wrapperId });
  }

  /** What is being read may be older than what this is about. */
  #forget(subject: string): void {
    const own = this.#own.get(subject);
    if (own !== undefined) own.readAt = Number.NEGATIVE_INFINITY;
  }

  async #refresh(): Promise<void> {
    const versions = await listPublicVersions(this.#options.database.queries, maxPublic);
    await this.#public.update(versions);
    this.#version = fingerprintOf(
      this.#public
        .cards()
        .map(({ id, fingerprint }) => `${id}.${fingerprint}`)
        .sort()
        .join(),
    );
  }

  async #ownOf(subject: string): Promise<OwnList> {
    const { now, database } = this.#options;
    const known = this.#own.get(subject);
    if (known !== undefined && now() - known.readAt < freshMs) {
      await known.reading;
      return known;
    }
    const own: OwnList = {
      list: known?.list ?? this.#createList(subject),
      readAt: now(),
      reading: undefined,
    };
    this.#own.set(subject, own);
    own.reading = (known?.reading ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => listOwnVersions(database.queries, subject))
      .then((versions) => own.list.update(versions))
      .finally(() => {
        own.reading = undefined;
      });
    try {
      await own.reading;
    } catch (error) {
      own.readAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
    return own;
  }

  #createList(subject?: string): WrapperList {
    const { models, database } = this.#options;
    return new WrapperList({
      models: () => models,
      compile: this.#compile,
      problemsOf: (compiled) => this.#problemsOf(compiled),
      read: (ids) => readWrappers(database.queries, ids, subject),
    });
  }

  async #problemsOf(compiled: CompiledDefinition): Promise<Problem[]> {
    const { documents, validatorOf, models } = this.#options;
    const [id] = basesOf(compiled.definition);
    const document = models.get(id) === undefined ? undefined : await documents.read(id);
    if (document === undefined || !document.isDescribed) return [];
    const at = compiled.definition.base_models.findIndex(({ model }) => model === id);
    try {
      return checkAgainst(compiled, { id, validator: validatorOf(document) }, at);
    } catch (error) {
      if (error instanceof AppError) return [];
      throw error;
    }
  }
}

const noWrappers = new SearchIndex();
