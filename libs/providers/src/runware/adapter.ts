/** Runware: every task is sent to one address, and followed by an id of our own. */
import { AppError, type JsonObject, type Quote } from '@inferry/contracts';
import type { AdapterOptions } from '../definition.ts';
import { beforeSubmit, classifyFailure, cleanText, type Purpose } from '../errors/index.ts';
import { type Call, PlatformAdapter, parseJson, probeWith, type Reply, uploadFiles } from '../http/index.ts';
import { secretsOf } from '../http/platform-client.ts';
import type {
  Capability,
  CommunityModel,
  CommunityQuery,
  RecordQuery,
  StoredMedia,
} from '../platform-services.ts';
import { quoteByTable } from '../prices/price-table.ts';
import { quotePrice } from '../prices/price-text.ts';
import type {
  Balance,
  CancelResult,
  InboundWebhook,
  JobHandle,
  JobView,
  Probe,
  Provider,
  ProviderContext,
  ProviderModel,
  RecoverRequest,
  Recovery,
  SubmitRequest,
  WebhookVerdict,
} from '../provider.ts';
import { listCatalog, readModel } from './catalog.ts';
import { codeOf, failureRule } from './failure-rule.ts';
import { type TaskFacts, toJobView } from './job-view.ts';
import { describeUnlisted, readRecord } from './records.ts';
import { Schemas } from './schemas.ts';
import { runwareSkills } from './skills.ts';
import { taskUuidOf } from './task-id.ts';
import {
  ask,
  deleteMedia,
  readAccount,
  searchCommunity,
  storeMedia,
  toTaskRecord,
  type Utilities,
  uploadModel,
} from './utilities.ts';
import {
  AccountDetails,
  Capabilities,
  RunwareWebhook,
  type TaskError,
  type TaskItem,
  TaskReply,
} from './wire.ts';

/** When the official client looks for the first time. */
const firstPollMs = 1_000;
/** Files in base64 travel in the body. */
const maxUploadBytes = 32 << 20;

export function createRunwareProvider(options: AdapterOptions): Provider {
  return new RunwareProvider(options);
}

class RunwareProvider extends PlatformAdapter implements Provider {
  readonly skills = runwareSkills;
  readonly #schemas: Schemas;
  readonly #now: () => number;

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
    });
    const { now } = options;
    this.#now = now;
    this.#schemas = new Schemas(this.client, now);
  }

  listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    return listCatalog(this.client, { context, etag, lists: this.lists });
  }

  describeModel(air: string, context: ProviderContext): Promise<ProviderModel> {
    return readModel(this.client, { air, schemas: this.#schemas, context });
  }

  /** By its table of configurations, else by its rate. */
  quote(model: ProviderModel, input: JsonObject): Quote {
    const { table = [], rate } = model.price;
    return table.length === 0 && rate !== undefined ? quotePrice(model, input) : quoteByTable(model, input);
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const { nativeId: model, options, runId, attempt, webhookUrl } = request;
    const taskType = await beforeSubmit(() => this.#taskTypeOf(model, options, context));
    const limits = { signal: context.signal, maxBytes: maxUploadBytes };
    const input = await uploadFiles(request, limits, (file) => this.#upload(file, context));
    const facts = { uuid: taskUuidOf(runId, attempt), results: resultsOf(input) };
    const task = {
      ...input,
      ...platformFieldsOf(options),
      taskType,
      taskUUID: facts.uuid,
      model,
      deliveryMethod: 'async',
      includeCost: true,
      ...(webhookUrl !== undefined && options.webhook_url === undefined && { webhookURL: webhookUrl }),
    };
    const reply = await this.client.submit(TaskReply, toCall(task), context);
    const isTaken = itemsOf(reply.body, facts.uuid).length > 0;
    if (!isTaken) throw refusalOf(reply, { title: this.title, context, purpose: 'submit' });
    const view = { ...toJobView(reply.body, facts), pollAfterMs: firstPollMs };
    return { handle: { ...facts, submitted_at: this.#now() }, view };
  }

  #taskTypeOf(model: string, options: JsonObject, context: ProviderContext): Promise<string> {
    const architectureOf = async () => (await this.#findCommunity(model, context))?.architecture;
    return this.#schemas.taskTypeOf(model, options.task_type, { context, architectureOf });
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const facts = factsOf(handle);
    try {
      const call = toCall({ taskType: 'getResponse', taskUUID: facts.uuid });
      const { body } = await this.client.read(TaskReply, { method: 'POST', ...call }, context);
      const view = toJobView(body, facts);
      return view.status === 'running' ? { ...view, ...this.#paceOf(handle) } : view;
    } catch (error) {
      if (isUnknownTask(error)) return { status: 'not_found', upstreamStatus: 'not found' };
      throw error;
    }
  }

  /** As the official client polls: half a second more after the first second, each wait half as long again, to ten. */
  #paceOf({ submitted_at: at }: JobHandle): Pick<JobView, 'pollAfterMs'> {
    if (typeof at !== 'number') return {};
    return { pollAfterMs: Math.min(Math.max((this.#now() - at) / 2, 500), 10_000) };
  }

  /** There is no task that cancels: what was taken is finished and charged. */
  async cancel(): Promise<CancelResult> {
    return 'unsupported';
  }

  /** The UUID of a task follows from its run, so that it can be asked for. */
  async recover({ runId, attempts = [1] }: RecoverRequest, context: ProviderContext): Promise<Recovery> {
    let isAbsent = true;
    for (const attempt of attempts.toReversed()) {
      const found = await this.#findTask(taskUuidOf(runId, attempt), context);
      if (typeof found === 'object') return { outcome: 'found', handle: found };
      isAbsent &&= found === 'absent';
    }
    return { outcome: isAbsent ? 'absent' : 'unknown' };
  }

  /** Absent is what the platform's own code says: a 404 may be a balancer's, and an empty answer says nothing. */
  async #findTask(uuid: string, context: ProviderContext): Promise<JobHandle | 'absent' | 'unknown'> {
    const { body } = await this.#askArchive(uuid, context);
    const [found] = itemsOf(body, uuid);
    if (found !== undefined) return { uuid, results: askedIn(found) };
    const errors = (body.errors ?? []).filter(({ taskUUID }) => (taskUUID ?? uuid) === uuid);
    // It has been there and is over: following it tells how it ended.
    if (errors.some(({ code }) => /^task.*Expired$/i.test(code ?? ''))) return { uuid, results: 1 };
    return errors.some((error) => isUnknownCode(error)) ? 'absent' : 'unknown';
  }

  #askArchive(uuid: string, context: ProviderContext): Promise<Reply<TaskReply>> {
    const call = toCall({ taskType: 'getTaskDetails', taskUUID: uuid });
    return this.client.read(TaskReply, { method: 'POST', ...call, accept: [400, 404] }, context);
  }

  async readTask(uuid: string, context: ProviderContext): Promise<JsonObject | undefined> {
    const reply = await this.#askArchive(uuid, context);
    const [found] = itemsOf(reply.body, uuid);
    if (found !== undefined) return toTaskRecord(found);
    if ((reply.body.errors ?? []).some((error) => codeOf(error) === 'run_expired')) return undefined;
    throw refusalOf(reply, { title: this.title, context, purpose: 'read' });
  }

  readRecord(query: RecordQuery, context: ProviderContext): Promise<unknown> {
    return readRecord(this.client, query, context);
  }

  async listCapabilities(context: ProviderContext): Promise<Capability[]> {
    const call = { base: 'content', path: '/capabilities', isKeyless: true } as const;
    const { body } = await this.client.read(Capabilities, call, context);
    return body.map(({ id, label }) => ({ id, label: cleanText(label ?? id, { maxLength: 100 }) }));
  }

  searchCommunity(query: CommunityQuery, context: ProviderContext): ReturnType<typeof searchCommunity> {
    return searchCommunity(this.#utilities(context), query);
  }

  describeUnlisted(
    air: string,
    options: JsonObject,
    context: ProviderContext,
  ): Promise<ProviderModel | undefined> {
    const find = (id: string) => this.#findCommunity(id, context);
    return describeUnlisted(air, options.task_type, { schemas: this.#schemas, context, find });
  }

  /** Exactly that model; without a key nobody is asked. */
  async #findCommunity(air: string, context: ProviderContext): Promise<CommunityModel | undefined> {
    if (context.credential === undefined) return undefined;
    const { models } = await this.searchCommunity({ search: air }, context);
    return models.find(({ nativeId }) => nativeId === air);
  }

  uploadModel(weights: JsonObject, context: ProviderContext): Promise<JsonObject> {
    return uploadModel(this.#utilities(context), weights);
  }

  storeMedia(media: string, context: ProviderContext): Promise<StoredMedia> {
    return storeMedia(this.#utilities(context), media);
  }

  deleteMedia(id: string, context: ProviderContext): Promise<StoredMedia> {
    return deleteMedia(this.#utilities(context), id);
  }

  readAccount(context: ProviderContext): Promise<JsonObject> {
    return readAccount(this.#utilities(context));
  }

  #utilities(context: ProviderContext): Utilities {
    const refusal: Utilities['refusalOf'] = (reply, purpose) =>
      refusalOf(reply, { title: this.title, context, purpose });
    return { client: this.client, refusalOf: refusal, context };
  }

  async balance(context: ProviderContext): Promise<Balance | undefined> {
    const details = await ask(this.#utilities(context), {
      taskType: 'accountManagement',
      operation: 'getDetails',
    });
    const { data } = AccountDetails.safeParse(details);
    if (data === undefined) return undefined;
    const { balance } = data;
    if (typeof balance === 'number')
      return { amount: balance, currency: (data.currency ?? 'USD').toUpperCase() };
    return { amount: balance.amount, currency: (balance.currency ?? 'USD').toUpperCase() };
  }

  probe(context: ProviderContext): Promise<Probe> {
    return probeWith(() => this.balance(context));
  }

  /**
   * Nobody signs these: that one comes to the run's own address is a reason to ask, and what it says is no answer. Of a run
   * without a job, the platform is asked for the task, whose UUID is ours.
   */
  async readWebhook(
    { rawBody, runId, attempts = 1 }: InboundWebhook,
    context: ProviderContext,
  ): Promise<WebhookVerdict> {
    const parsed = RunwareWebhook.safeParse(parseJson(rawBody));
    const uuids = Array.from({ length: attempts }, (_, index) => taskUuidOf(runId, index + 1));
    const uuid = parsed.success ? uuids.find((ours) => ours === parsed.data.taskUUID) : undefined;
    if (uuid === undefined) return { outcome: 'rejected', reason: 'it is about no task of this run' };
    const found = await this.#findTask(uuid, context).catch(() => 'unknown');
    return { outcome: 'job', ...(typeof found === 'object' && { handle: found }) };
  }

  async #upload(
    { bytes, contentType }: { bytes: Uint8Array; contentType: string },
    context: ProviderContext,
  ): Promise<string> {
    const media = `data:${contentType};base64,${Buffer.from(bytes).toString('base64')}`;
    const { url } = await this.storeMedia(media, context);
    if (url !== undefined) return url;
    throw new AppError('upstream_malformed', `${this.title} stored a file and did not say where.`);
  }
}

/** What every task may say beside its model's input. A webhook that the caller names is theirs; the task is polled then. */
function platformFieldsOf(options: JsonObject): JsonObject {
  const named = [
    ['output_type', 'outputType'],
    ['media_ttl', 'ttl'],
    ['upload_endpoint', 'uploadEndpoint'],
    ['webhook_url', 'webhookURL'],
  ] as const;
  return Object.fromEntries(
    named.flatMap(([ours, theirs]) => (options[ours] === undefined ? [] : [[theirs, options[ours]]])),
  );
}

/** One address for every task, and always a list of them. */
function toCall(task: Readonly<Record<string, unknown>>): Pick<Call, 'path' | 'json'> {
  return { path: '', json: [task] };
}

/** What a reply of 200 refuses. */
function refusalOf(
  { status, headers, body }: Reply<TaskReply>,
  about: { title: string; context: ProviderContext; purpose: Purpose },
): AppError {
  const { title, purpose } = about;
  const secrets = secretsOf(about.context);
  return classifyFailure({ status, headers, body }, { title, purpose, rule: failureRule, secrets });
}

/** The items of a task. `getTaskDetails` puts what was answered one level below. */
function itemsOf({ data }: TaskReply, uuid: string): TaskItem[] {
  return (data ?? []).filter(({ taskUUID }) => taskUUID === uuid);
}

function askedIn(item: TaskItem): number {
  const [request] = Array.isArray(item.request) ? item.request : [item.request];
  return resultsOf(typeof request === 'object' && request !== null ? request : {});
}

function resultsOf(input: object): number {
  const asked = 'numberResults' in input ? input.numberResults : undefined;
  return typeof asked === 'number' && asked >= 1 && asked <= 100 ? Math.floor(asked) : 1;
}

function factsOf({ uuid, results }: JobHandle): TaskFacts {
  return { uuid: String(uuid), results: typeof results === 'number' ? results : 1 };
}

function isUnknownCode(error: TaskError): boolean {
  return codeOf(error) === 'run_expired' && !/Expired$/i.test(error.code ?? '');
}

function isUnknownTask(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'run_expired' || error.upstreamStatus === 404);
}
