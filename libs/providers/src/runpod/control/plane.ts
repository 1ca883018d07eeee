/** Runpod as a control plane: the resources of everybody, in terms of the calls of its own server. */
import { randomUUID } from 'node:crypto';
import { AppError, isObject, type JsonObject } from '@inferry/contracts';
import type {
  ControlPlane,
  CreateRequest,
  HourlyQuote,
  LogRequest,
  LogSnapshot,
  OwnAnswer,
  OwnCall,
  Resource,
  ResourceList,
  ResourceType,
} from '../../control-plane.ts';
import type { AdapterOptions } from '../../definition.ts';
import { PlatformClient } from '../../http/index.ts';
import type { ProviderContext } from '../../provider.ts';
import { causeOf, compact, type Item, itemsOf, strings, text } from './answer.ts';
import { boundedList, isList, shortened } from './bounded-list.ts';
import { RunpodControl } from './native.ts';
import { calls } from './plane-calls.ts';
import { parseRestVersions, type RestVersions } from './versions.ts';
import type { Caller, Edition } from './wire.ts';

const marks = { ref: 'INFERRY_REF', stop_at: 'INFERRY_STOP_AT', owner: 'INFERRY_OWNER' } as const;
/** Of one type: every account has fewer. */
const mostResources = 10_000;

export function createRunpodPlane(options: AdapterOptions): ControlPlane {
  return new RunpodPlane(options);
}

class RunpodPlane implements ControlPlane {
  readonly slug: string;
  readonly title: string;
  readonly needsKey: boolean;
  readonly resources = Object.fromEntries(
    Object.entries(calls).map(([type, { support }]) => [type, support]),
  );
  readonly #client: PlatformClient;
  readonly #control: RunpodControl;
  readonly #versions: RestVersions;
  readonly #sessionId = randomUUID();

  constructor({
    slug,
    title,
    bases,
    allowPrivateHosts,
    random,
    settings,
    now,
    needsKey = true,
  }: AdapterOptions) {
    this.slug = slug;
    this.title = title;
    this.needsKey = needsKey;
    this.#versions = parseRestVersions(settings);
    this.#client = new PlatformClient({
      ...{ title, bases, allowPrivateHosts, random },
      authorize: (key) => ({ authorization: `Bearer ${key}` }),
      // Every status is an answer here, and a call that met no answer is the caller's to repeat.
      readRetries: 0,
    });
    this.#control = new RunpodControl({ client: this.#client, versions: this.#versions, now });
  }

  async list(
    { type, parentId, filters = {} }: Parameters<ControlPlane['list']>[0],
    context: ProviderContext,
  ): Promise<ResourceList> {
    const name = this.#callOf(type, 'list');
    const args = { ...camel(filters), ...(parentId !== undefined && { endpointId: parentId }) };
    // The platform tells all of them at once, whatever page is made of that.
    const {
      items,
      pagination: _,
      ...rest
    } = await this.#own(name, { ...args, limit: mostResources }, context);
    return { items: itemsOf(items).map(toResource), ...(Object.keys(rest).length > 0 && { summary: rest }) };
  }

  async get(
    { type, id, include = [] }: Parameters<ControlPlane['get']>[0],
    context: ProviderContext,
  ): Promise<Resource> {
    const { id: idName = 'id' } = calls[type] ?? {};
    const args = {
      [idName]: id,
      ...Object.fromEntries(include.map((name) => [camelName(`include_${name}`), true])),
    };
    const facts = await this.#own(this.#callOf(type, 'get'), args, context);
    if (!include.includes('health') || type !== 'endpoint') return toResource(facts);
    return toResource({ ...facts, health: await this.#own('endpoint-health', { endpointId: id }, context) });
  }

  /** By the price of the catalogue: what a machine costs is told with it only once it is there. */
  async quote(
    { type, spec }: { type: ResourceType; spec: JsonObject },
    context: ProviderContext,
  ): Promise<HourlyQuote> {
    if (type === 'pod') return this.#quotePod(spec, context);
    if (type === 'network_volume') {
      // $0.07 per GB and month up to 1 TB, as the platform publishes it.
      return {
        amount: (Number(spec.size ?? 0) * 0.07) / 730,
        currency: 'USD',
        basis: '$0.07 per GB and month',
      };
    }
    if (type === 'endpoint') return this.#quoteEndpoint(spec, context);
    return { amount: 0, currency: 'USD', basis: 'costs nothing by itself' };
  }

  async create({ type, spec, marks: marked }: CreateRequest, context: ProviderContext): Promise<Resource> {
    const env = isObject(spec.env) ? spec.env : {};
    const tags = Object.entries(marks).flatMap(([mark, name]) => {
      const value = marked[mark as keyof typeof marks];
      return value === undefined ? [] : [[name, value]];
    });
    const isMarked = type === 'pod' && tags.length > 0;
    const full = isMarked ? { ...spec, env: { ...env, ...Object.fromEntries(tags) } } : spec;
    if (type === 'endpoint' && typeof spec.hub_repo === 'string') {
      const { hub_repo: repo, ...more } = spec;
      const { endpoint } = await this.#own('deploy-hub-repo', { ...camel(more), repo }, context);
      return toResource(isObject(endpoint) ? endpoint : {});
    }
    return toResource(await this.#own(this.#callOf(type, 'create'), named(full), context));
  }

  async update(
    { type, id, patch }: Parameters<ControlPlane['update']>[0],
    context: ProviderContext,
  ): Promise<Resource> {
    const { id: idName = 'id' } = calls[type] ?? {};
    return toResource(
      await this.#own(this.#callOf(type, 'update'), { ...named(patch), [idName]: id }, context),
    );
  }

  act(
    { type, id, action, args = {} }: Parameters<ControlPlane['act']>[0],
    context: ProviderContext,
  ): Promise<JsonObject> {
    const { actions = {}, id: idName = 'id' } = calls[type] ?? {};
    const name = actions[action];
    if (name === undefined) throw unsupported(type, action);
    return this.#own(name, { ...camel(args), [idName]: id }, context);
  }

  async remove({ type, id }: { type: ResourceType; id: string }, context: ProviderContext): Promise<void> {
    const { id: idName = 'id' } = calls[type] ?? {};
    await this.#own(this.#callOf(type, 'delete'), { [idName]: id }, context);
  }

  async logs(
    { type, id, parentId, source, tail, since, maxWaitMs }: LogRequest,
    context: ProviderContext,
  ): Promise<LogSnapshot> {
    const ids = type === 'worker' ? { workerId: id, endpointId: parentId ?? '' } : { podId: id };
    const args = compact({ ...ids, source, tail, since, maxWaitMs });
    const { items, truncated } = await this.#own(this.#callOf(type, 'logs'), args, context);
    const lines = (Array.isArray(items) ? items.filter(isObject) : []).map(
      ({ ts, source: from, line, raw }) => ({
        ...(typeof ts === 'string' && { ts }),
        ...(typeof from === 'string' && { source: from }),
        line: text(line) ?? text(raw) ?? '',
      }),
    );
    return { lines, truncated: truncated === true };
  }

  async call(
    { name, edition, args, accepted, required, caller }: OwnCall,
    context: ProviderContext,
  ): Promise<OwnAnswer> {
    if (edition !== '3.4.0' && edition !== '4.0.0')
      throw new AppError('tool_not_available', 'There is no such edition.');
    const answer = await this.#control.call({
      ...{ name, args, edition, context, accepted, required },
      caller: this.#callerOf(caller, edition),
    });
    const { body } = answer;
    if (answer.isError === true) return { ...answer, body: shortened(body), cause: causeOf(answer) };
    return { ...answer, body: isList(name) ? boundedList(body, { name, accepted }) : body };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #callOf(type: ResourceType, verb: 'list' | 'get' | 'create' | 'update' | 'delete' | 'logs'): string {
    const name = calls[type]?.[verb];
    if (name === undefined) throw unsupported(type, verb);
    return name;
  }

  /** An answer as an object; what the call refuses in its own words is an error here. */
  async #own(name: string, args: JsonObject, context: ProviderContext): Promise<Item> {
    const caller = this.#callerOf({ name: 'inferry', version: 'unknown', transport: 'http' }, '3.4.0');
    const answer = await this.#control.call({ name, args, edition: '3.4.0', caller, context });
    if (answer.isError === true) throw causeOf(answer);
    return isObject(answer.body) ? answer.body : {};
  }

  #callerOf(caller: OwnCall['caller'], edition: Edition): Caller {
    return { ...caller, sessionId: edition === '4.0.0' ? randomUUID() : this.#sessionId };
  }

  async #quotePod(spec: JsonObject, context: ProviderContext): Promise<HourlyQuote> {
    const [gpu] = strings(spec.gpu_type_ids) ?? [];
    if (gpu === undefined)
      return { currency: 'USD', basis: 'CPU pods are priced by their flavor, which the platform chooses' };
    const { items } = await this.list({ type: 'gpu_type', filters: { search_term: gpu } }, context);
    const facts = items.find(({ id }) => id === gpu)?.facts;
    const price = isObject(facts?.price) ? facts.price : {};
    const cloud = spec.cloud_type === 'COMMUNITY' ? 'community' : 'secure';
    const each = Number(price[cloud]);
    if (!Number.isFinite(each)) return { currency: 'USD', basis: `no price of ${gpu} is listed` };
    const count = Number(spec.gpu_count ?? 1);
    return {
      amount: each * count,
      currency: 'USD',
      basis: `${count} × ${gpu}, ${cloud}, $${each.toFixed(2)} an hour each, without disks`,
    };
  }

  /** What all workers together can cost while all of them run. */
  async #quoteEndpoint(spec: JsonObject, context: ProviderContext): Promise<HourlyQuote> {
    const pools = strings(spec.gpu_pool_ids) ?? [];
    const { items } = await this.list({ type: 'gpu_type' }, context);
    const prices = items.flatMap(({ facts }) => {
      const price = isObject(facts.price) ? Number(facts.price.secure) : Number.NaN;
      return pools.includes(String(facts.pool)) && Number.isFinite(price) ? [price] : [];
    });
    if (prices.length === 0) return { currency: 'USD', basis: 'no price of these pools is listed' };
    const workers = Number(spec.workers_max ?? 3);
    const amount = Math.max(...prices) * Number(spec.gpu_count ?? 1) * workers;
    return { amount, currency: 'USD', basis: `${workers} workers at once; nothing while none runs` };
  }
}

function unsupported(type: string, verb: string): AppError {
  return new AppError('validation_failed', `Runpod has no ${verb} of ${type}.`, {
    nextAction: 'See infra_describe for what there is.',
  });
}

function camelName(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function camel(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [camelName(name), value]));
}

/** Everybody says `image`. */
function named({ image, ...fields }: JsonObject): JsonObject {
  return { ...camel(fields), ...(image !== undefined && { imageName: image }) };
}

function toResource(facts: Item): Resource {
  const { id, name, status, desiredStatus, createdAt, costPerHr, cost, env } = facts;
  const state = text(status) ?? text(desiredStatus);
  const hourly = Number(costPerHr ?? cost);
  const tags: Item = isObject(env) ? env : {};
  return {
    id: String(id ?? facts.endpointId ?? ''),
    name: text(name) ?? text(facts.displayName),
    status: state,
    hourlyCost:
      costPerHr === undefined && cost === undefined
        ? undefined
        : Number.isFinite(hourly)
          ? hourly
          : undefined,
    createdAt: text(createdAt),
    marks: compact(Object.fromEntries(Object.entries(marks).map(([mark, tag]) => [mark, text(tags[tag])]))),
    facts,
  };
}
