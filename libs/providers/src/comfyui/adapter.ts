import { createHash } from 'node:crypto';
import { isObject, type Quote } from '@inferry/contracts';
import { z } from 'zod';
import type { AdapterOptions } from '../definition.ts';
import { beforeSubmit } from '../errors/index.ts';
import { PlatformAdapter, probeWith } from '../http/index.ts';
import { rawOf } from '../outputs/answer.ts';
import type {
  CancelResult,
  JobHandle,
  JobView,
  Probe,
  Provider,
  ProviderContext,
  ProviderOutput,
  Recovery,
  SubmitRequest,
} from '../provider.ts';
import { failureRule } from './failure-rule.ts';
import { fillGraph } from './fill-graph.ts';
import { endOf, type MadeFile, madeBy, placeIn } from './job-view.ts';
import { liveViews } from './live-events.ts';
import { promptIdOf } from './prompt-id.ts';
import { comfyuiSkills } from './skills.ts';
import { toModel } from './to-model.ts';
import * as wire from './wire.ts';
import { readWorkflow, readWorkflows } from './workflow-files.ts';

/** The list of a server with many nodes is long. */
const maxReplyBytes = 64 << 20;
const maxFileBytes = 256 << 20;
const typesFreshMs = 60_000;
const historyDepth = 200;
const maxRemoved = 10_000;

export function createComfyUiProvider(options: AdapterOptions): Provider {
  return new ComfyUiProvider(options);
}

class ComfyUiProvider extends PlatformAdapter implements Provider {
  readonly skills = comfyuiSkills;
  readonly #base: string;
  readonly #folder: string | undefined;
  readonly #now: () => number;
  readonly #random: () => number;
  /** Jobs that were taken out of the queue here: nothing of them is left on the server. */
  readonly #removed = new Set<string>();
  #types: { at: number; types: wire.NodeTypes } | undefined;

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
      maxReplyBytes,
      // The server knows no keys: a proxy in front of it does.
      authorize: (key) => ({ authorization: key.includes(':') ? `Basic ${btoa(key)}` : `Bearer ${key}` }),
    });
    const { settings, now, random, bases } = options;
    this.#base = bases.api;
    this.#folder = settings.COMFYUI_WORKFLOWS;
    this.#now = now;
    this.#random = random;
  }

  async listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    const workflows = await readWorkflows(this.#folder, this.lists);
    const types = await this.#readTypes(context, { isFresh: true });
    const models = workflows.map((workflow) => toModel(workflow, types));
    const now = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
    return etag === now ? 'unchanged' : { etag: now, models };
  }

  quote(): Quote {
    return { currency: 'USD', min: 0, max: 0, exact: true, unpriced_inputs: [], basis: 'per_request' };
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const { nativeId, runId } = request;
    const workflow = await readWorkflow(this.#folder, nativeId);
    const prompt = await beforeSubmit(async () => {
      const types = await this.#readTypes(context);
      return fillGraph(request, { workflow, types, client: this.client, context, random: this.#random });
    });
    const wanted = promptIdOf(runId);
    // The run's id stands in the job too: an older server gives it an id of its own.
    const json = { prompt, prompt_id: wanted, client_id: wanted, extra_data: { inferry_run: runId } };
    const { body } = await this.client.submit(wire.Prompted, { path: '/prompt', json }, context);
    const isPartial = Object.keys(body.node_errors ?? {}).length > 0;
    const handle = {
      id: body.prompt_id,
      client: wanted,
      nodes: Object.keys(prompt).length,
      ...(isPartial && { isPartial }),
    };
    return { handle, view: { status: 'queued', upstreamStatus: 'pending' } };
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const id = String(handle.id);
    const ended = await this.#readEnd(handle, context);
    if (ended !== undefined) return ended;
    const { body: queue } = await this.client.read(wire.Queue, { path: '/queue' }, context);
    // It may have ended between the two looks; a server that was started again knows nothing of it.
    const view = placeIn(queue, id) ?? (await this.#readEnd(handle, context));
    if (view !== undefined) return view;
    const status = this.#removed.has(id) ? 'cancelled' : 'not_found';
    return { status, upstreamStatus: 'in neither queue nor history' };
  }

  async *watch(handle: JobHandle, context: ProviderContext): AsyncGenerator<JobView> {
    const query = { clientId: String(handle.client) };
    const socket = await this.client.socket({ path: '/ws', query }, context);
    try {
      const job = { id: String(handle.id), nodes: Number(handle.nodes), now: this.#now };
      yield* liveViews(socket, job);
      yield await this.poll(handle, context);
    } finally {
      socket.close();
    }
  }

  async cancel({ id }: JobHandle, context: ProviderContext): Promise<CancelResult> {
    const { body: queue } = await this.client.read(wire.Queue, { path: '/queue' }, context);
    const place = placeIn(queue, String(id));
    if (place === undefined) return 'too_late';
    // Without an id an interrupt would stop whatever runs, of whomever.
    const call =
      place.status === 'queued'
        ? { path: '/queue', json: { delete: [id] } }
        : { path: '/interrupt', json: { prompt_id: id } };
    await this.client.content({ method: 'POST', ...call, purpose: 'change' }, context);
    if (place.status !== 'queued') return 'requested';
    if (this.#removed.size >= maxRemoved) this.#removed.clear();
    this.#removed.add(String(id));
    return 'confirmed';
  }

  /** The prompt with its results; files that its nodes have written stay on its disk, which nobody can ask it to clear. */
  async deletePayload({ id }: JobHandle, context: ProviderContext): Promise<void> {
    const call = {
      method: 'POST',
      path: '/history',
      json: { delete: [String(id)] },
      purpose: 'change',
    } as const;
    await this.client.content(call, context);
  }

  /** By the id that follows from the run, or by the run's id in what an older server kept of the job. */
  async recover({ runId }: { runId: string }, context: ProviderContext): Promise<Recovery> {
    const client = promptIdOf(runId);
    const { body: queue } = await this.client.read(wire.Queue, { path: '/queue' }, context);
    const jobs = [...queue.queue_running, ...queue.queue_pending];
    const path = '/history';
    const { body: history } = await this.client.read(
      wire.History,
      { path, query: { max_items: historyDepth } },
      context,
    );
    const ended = Object.entries(history).map(([id, entry]): unknown[] => [
      0,
      id,
      ...(wire.HistoryEntry.safeParse(entry).data?.prompt ?? []).slice(2),
    ]);
    const found = [...jobs, ...ended].find(([, id, , extra]) => id === client || isOf(extra, runId));
    if (found === undefined) return { outcome: 'absent' };
    const graph = isObject(found[2]) ? found[2] : {};
    return { outcome: 'found', handle: { id: String(found[1]), client, nodes: Object.keys(graph).length } };
  }

  probe(context: ProviderContext): Promise<Probe> {
    return probeWith(() => this.client.read(wire.SystemStats, { path: '/system_stats' }, context));
  }

  async #readTypes(context: ProviderContext, { isFresh = false } = {}): Promise<wire.NodeTypes> {
    const known = this.#types;
    if (!isFresh && known !== undefined && this.#now() - known.at < typesFreshMs) return known.types;
    const call = { path: '/object_info', integers: 'number' } as const;
    const { body } = await this.client.read(wire.NodeList, call, context);
    const types = this.lists.readMap(body, wire.NodeType);
    this.#types = { at: this.#now(), types };
    return types;
  }

  async #readEnd({ id, isPartial }: JobHandle, context: ProviderContext): Promise<JobView | undefined> {
    const path = `/history/${encodeURIComponent(String(id))}`;
    const { body } = await this.client.read(wire.History, { path }, context);
    const entry = wire.HistoryEntry.safeParse(body[String(id)]).data;
    if (entry === undefined) return undefined;
    const end = endOf(entry);
    if (end === undefined)
      return { status: 'running', upstreamStatus: (entry.status?.status_str ?? '').slice(0, 100) };
    if (end.status !== 'succeeded') return end;
    const { files, texts } = madeBy(entry);
    const outputs = [...(await Promise.all(files.map((file) => this.#toOutput(file, context)))), ...texts];
    const raw = rawOf(entry.outputs);
    if (outputs.length > 0) {
      const more = { ...(raw !== undefined && { raw }), ...(isPartial === true && { isPartial: true }) };
      return { ...end, progress: 1, outputs, ...more };
    }
    const message =
      'The server made nothing: everything was in its cache. Change an input, such as the seed.';
    return { ...end, status: 'failed', error: { code: 'generate_failed', message } };
  }

  /** By its address, which is inside the deployment; read here where only our key opens it. */
  async #toOutput({ file, kind, contentType }: MadeFile, context: ProviderContext): Promise<ProviderOutput> {
    const query = { filename: file.filename, subfolder: file.subfolder ?? '', type: file.type ?? 'output' };
    const about = { kind, contentType, fileName: file.filename.slice(-200) };
    if (context.credential === undefined) {
      const url = new URL(`${(context.baseUrl ?? this.#base).replace(/\/+$/, '')}/view`);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return { ...about, url: url.href };
    }
    const call = { path: '/view', query, maxBytes: maxFileBytes, timeoutMs: 120_000 };
    const { body } = await this.client.content(call, context);
    return { ...about, bytes: body };
  }
}

const Extra = z.looseObject({ inferry_run: z.string() });

function isOf(extra: unknown, runId: string): boolean {
  const parsed = Extra.safeParse(extra);
  return parsed.success && parsed.data.inferry_run === runId;
}
