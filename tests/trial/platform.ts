// An inference platform on loopback that speaks like four platforms, does what the prompt of a run says, and keeps a
// ledger of its own: what it took and charged, whatever anybody else believes.
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dialect, dialects, JobScript } from './script.ts';

/** One submit that reached the platform. */
export interface Submission {
  dialect: Dialect;
  tag: string;
  script: JobScript;
  /** The platform's id of the job; undefined: it did not take it. */
  jobId: string | undefined;
  readAt: number;
  takenAt: number | undefined;
  /** Our id of the run, where the dialect carries one. */
  reference: string | undefined;
  /** The process that sent it. */
  by: string;
  /** The reply left whole, by a connection that was open for a while after, to a process that was neither cut off nor frozen. */
  wasTold: boolean;
  /** A callback about the job was answered with success. */
  wasCalledBack: boolean;
}

interface Job extends Submission {
  jobId: string;
  takenAt: number;
  callback: string | undefined;
}

export interface TrialPlatform {
  port: number;
  submissions: readonly Submission[];
  /** Calls that came without the platform's key. */
  keyless(): number;
  /** Processes that hear nothing just now, once for each reason. */
  unreachable: string[];
  close(): Promise<void>;
}

export const trialKeys: Readonly<Record<string, string>> = {
  RUNFLOW_API_KEY: 'rf_live_trial',
  RUNWARE_API_KEY: 'trial-runware-key-0123456789',
  REPLICATE_API_TOKEN: 'r8_trial0123456789',
  ACME_API_KEY: 'acme-trial-key',
};
export const runflowSecret = 'trial-callback-secret';
const replicateSecret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

/** An open connection this long after its reply has carried it to whoever asked. */
const toldMs = 250;

class Platform {
  readonly submissions: Submission[] = [];
  readonly jobs = new Map<string, Job>();
  keyless = 0;
  readonly unreachable: string[] = [];
  readonly #callbacks = new Set<Promise<void>>();

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://platform');
    const [, by = '', name = '', ...rest] = url.pathname.split('/');
    const dialect = dialects.find((known) => known === name.split('.')[0]);
    if (dialect === undefined) return send(response, 404, { detail: 'nothing here' });
    if (request.headers.authorization === undefined && request.method === 'POST') this.keyless += 1;
    const body = await readJson(request);
    const exchange = { by, url, path: rest.join('/'), method: request.method ?? 'GET', body, response };
    if (dialect === 'runflow') return this.#runflow(exchange);
    if (dialect === 'runware') return this.#runware(exchange, name);
    if (dialect === 'replicate') return this.#replicate(exchange);
    return this.#acme(exchange);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#callbacks);
  }

  async #runflow({ by, url, path, method, body, response }: Exchange): Promise<void> {
    if (path === 'public/models') return send(response, 200, { items: [runflowModel] });
    if (path === 'auth/me') return send(response, 200, { email: 'trial@example.com' });
    if (path === 'billing/balance') return send(response, 200, { balance: '100', currency: 'USD' });
    const submit = /^models\/.+\/runs$/.test(path) && method === 'POST';
    if (submit) {
      const { input, client_ref: reference, callback_url: callback } = readObject(body);
      return this.#submit(
        { dialect: 'runflow', by, prompt: readObject(input).prompt, reference, callback, response },
        (job) => ({ id: job.jobId, status_code: 'queued', client_ref: job.reference }),
      );
    }
    if (path === 'runs') {
      const wanted = /^client_ref:(.+)$/.exec(url.searchParams.get('q') ?? '')?.[1];
      const found = [...this.jobs.values()].filter(
        (job) => job.dialect === 'runflow' && job.reference === wanted && isListed(job),
      );
      return send(response, 200, { items: found.map(toRunflow) });
    }
    const job = this.#find('runflow', path.split('/')[1]);
    return job ? send(response, 200, toRunflow(job)) : send(response, 404, { detail: 'no such run' });
  }

  async #runware({ by, path, body, response }: Exchange, name: string): Promise<void> {
    if (name === 'runware.content') {
      if (path === 'models') return send(response, 200, { total: 1, items: [runwareModel] });
      return path.endsWith('/examples') ? send(response, 200, []) : send(response, 200, runwareModel);
    }
    if (name === 'runware.schemas') return send(response, 200, runwareSchema);
    const [task] = Array.isArray(body) ? body : [];
    const { taskType, taskUUID, positivePrompt: prompt, webhookURL: callback } = readObject(task);
    const uuid = String(taskUUID);
    if (taskType === 'accountManagement') {
      const balance = { amount: 100, freeBalance: 0, currency: 'USD' };
      return send(response, 200, { data: [{ taskType, taskUUID, balance }] });
    }
    if (taskType !== 'getResponse' && taskType !== 'getTaskDetails') {
      return this.#submit(
        { dialect: 'runware', by, prompt, reference: uuid, callback, response, jobId: uuid },
        () => ({ data: [{ taskType, taskUUID }] }),
      );
    }
    const job = this.#find('runware', uuid);
    if (job === undefined) {
      const code = taskType === 'getResponse' ? 'invalidTaskUUID' : 'taskNotFound';
      return send(response, 400, {
        errors: [{ code: 'taskNotFound', message: `no task (${code})`, taskUUID }],
      });
    }
    if (taskType === 'getTaskDetails') {
      const request = { taskType: 'imageInference', taskUUID, numberResults: 1 };
      return send(response, 200, { data: [{ taskType, taskUUID, request, response: [] }] });
    }
    return send(response, 200, toRunware(job));
  }

  async #replicate({ by, path, method, body, response }: Exchange): Promise<void> {
    if (path === 'collections')
      return send(response, 200, { next: null, results: [{ slug: 'trial', name: 'Trial' }] });
    if (path === 'collections/trial') return send(response, 200, { slug: 'trial', models: [replicateModel] });
    if (path === 'models/trial/writer') return send(response, 200, replicateModel);
    if (path === 'account') return send(response, 200, { type: 'user', username: 'trial' });
    if (path === 'webhooks/default/secret') return send(response, 200, { key: replicateSecret });
    if (path.endsWith('predictions') && method === 'POST') {
      const { input, webhook: callback } = readObject(body);
      return this.#submit(
        { dialect: 'replicate', by, prompt: readObject(input).prompt, callback, response },
        (job) => toReplicate(job, 'starting'),
      );
    }
    const job = this.#find('replicate', path.split('/')[1]);
    return job ? send(response, 200, toReplicate(job)) : send(response, 404, { detail: 'not found' });
  }

  async #acme({ by, path, method, body, response }: Exchange): Promise<void> {
    if (path === 'account') return send(response, 200, { name: 'trial' });
    if (path === 'jobs' && method === 'POST') {
      return this.#submit({ dialect: 'acme', by, prompt: readObject(body).prompt, response }, (job) => ({
        id: job.jobId,
      }));
    }
    const job = this.#find('acme', path.split('/')[1]);
    if (job === undefined) return send(response, 404, { error: 'no such job' });
    const status = stateOf(job);
    return send(response, 200, {
      status: status.toUpperCase(),
      ...(status === 'succeeded' && { output: `made of ${job.tag}` }),
      ...(status === 'failed' && { failure: 'It was told to fail.' }),
      ...(status !== 'running' && { cost: job.script.cost }),
    });
  }

  /** A submit as its script says; what is taken is taken, whether anybody still listens or not. */
  async #submit(
    submit: {
      dialect: Dialect;
      by: string;
      prompt: unknown;
      reference?: unknown;
      callback?: unknown;
      jobId?: string;
      response: ServerResponse;
    },
    reply: (job: Job) => unknown,
  ): Promise<void> {
    const { dialect, response } = submit;
    const script = JobScript.parse(JSON.parse(String(submit.prompt)));
    const submission: Submission = {
      dialect,
      tag: script.tag,
      script,
      jobId: undefined,
      readAt: Date.now(),
      takenAt: undefined,
      reference: typeof submit.reference === 'string' ? submit.reference : undefined,
      by: submit.by,
      wasTold: false,
      wasCalledBack: false,
    };
    this.submissions.push(submission);
    const { answer } = script;
    // A repetition of what was refused or lost before it was taken is an ordinary submit.
    const isFirst = this.submissions.filter(({ tag }) => tag === script.tag).length === 1;
    if (isFirst && answer === 'reset_before') return void response.socket?.resetAndDestroy();
    if (isFirst && answer === 'error_before')
      return send(response, 500, { detail: 'broke before it was taken' });
    if (isFirst && answer === 'unavailable') return refuseFor(1, { response, status: 503 });
    if (isFirst && answer === 'too_many') return refuseFor(2, { response, status: 429 });
    if (isFirst && answer === 'refused')
      return send(response, 422, { detail: 'not like this', errors: [{ code: 'invalid', message: 'no' }] });
    await sleep(script.acceptMs);
    const job: Job = Object.assign(submission, {
      jobId: submit.jobId ?? `${dialect}-${randomUUID()}`,
      takenAt: Date.now(),
      callback: typeof submit.callback === 'string' ? submit.callback : undefined,
    });
    this.jobs.set(job.jobId, job);
    this.#callBackLater(job);
    await this.#answer(job, response, reply(job));
  }

  async #answer(job: Job, response: ServerResponse, body: unknown): Promise<void> {
    const { answer } = job.script;
    if (answer === 'reset_after') return void response.socket?.resetAndDestroy();
    if (answer === 'error_after') return send(response, 500, { detail: 'broke after it was taken' });
    if (answer === 'garbage') return send(response, 200, '<html>a page</html>');
    if (answer === 'silent_taken') return;
    if (answer === 'half') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '4000' });
      response.write(JSON.stringify(body).slice(0, 12));
      await sleep(50);
      return void response.socket?.resetAndDestroy();
    }
    if (answer === 'slowly') await sleep(4_000);
    const { socket } = response;
    if (socket === null || socket.destroyed) return;
    send(response, job.dialect === 'replicate' ? 201 : 200, body);
    await sleep(toldMs);
    job.wasTold = !socket.destroyed && !this.unreachable.includes(job.by);
  }

  #callBackLater(job: Job): void {
    if (job.callback === undefined) return;
    const callback = job.callback;
    const calling = (async () => {
      await sleep(job.script.runMs + 50);
      for (let attempt = 0; attempt < 6 && !job.wasCalledBack; attempt += 1) {
        await sleep(attempt * 3_000);
        job.wasCalledBack = await callBack(job, callback);
      }
    })();
    this.#callbacks.add(calling);
    void calling.finally(() => this.#callbacks.delete(calling));
  }

  #find(dialect: Dialect, id: string | undefined): Job | undefined {
    const job = this.jobs.get(id ?? '');
    return job?.dialect === dialect && isListed(job) ? job : undefined;
  }
}

/** Where the platform of a trial is told to report: as each of the platforms signs. */
async function callBack(job: Job, url: string): Promise<boolean> {
  const id = randomUUID();
  const at = Math.floor(Date.now() / 1_000);
  const body = JSON.stringify(callbackOf(job));
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (job.dialect === 'runflow')
    headers['runflow-signature'] = createHmac('sha256', runflowSecret).update(body).digest('hex');
  if (job.dialect === 'replicate') {
    const key = Buffer.from(replicateSecret.slice(6), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
    Object.assign(headers, {
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${signature}`,
    });
  }
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(5_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    // Nobody there just now: it is tried again.
    return false;
  }
}

function callbackOf(job: Job): unknown {
  if (job.dialect === 'runflow') return { event: 'run.succeeded', run_id: job.jobId };
  if (job.dialect === 'runware') return { taskUUID: job.jobId, taskType: 'imageInference' };
  return toReplicate(job);
}

interface Exchange {
  by: string;
  url: URL;
  path: string;
  method: string;
  body: unknown;
  response: ServerResponse;
}

function isListed({ takenAt, script }: Job): boolean {
  return Date.now() >= takenAt + script.listLagMs;
}

function stateOf({ takenAt, script }: Job): 'running' | 'succeeded' | 'failed' {
  return Date.now() < takenAt + script.runMs ? 'running' : script.outcome;
}

function toRunflow(job: Job): unknown {
  const status = stateOf(job);
  return {
    id: job.jobId,
    status_code: status,
    client_ref: job.reference,
    created_at: new Date(job.takenAt).toISOString(),
    ...(status === 'succeeded' && { output: { text: `made of ${job.tag}` } }),
    ...(status === 'failed' && {
      failure_code: 'GENERATION_FAILED',
      failure_message: 'It was told to fail.',
    }),
    ...(status !== 'running' && { cost: String(job.script.cost) }),
  };
}

function toRunware(job: Job): unknown {
  const taskUUID = job.jobId;
  const status = stateOf(job);
  if (status === 'failed')
    return {
      data: [],
      errors: [{ code: 'providerError', message: 'It was told to fail.', taskUUID }],
    };
  if (status === 'running') return { data: [{ taskType: 'imageInference', taskUUID, status: 'processing' }] };
  const text = `made of ${job.tag}`;
  return {
    data: [{ taskType: 'textInference', taskUUID, status: 'success', text, cost: job.script.cost }],
  };
}

function toReplicate(job: Job, state?: string): unknown {
  const status = state ?? stateOf(job).replace('running', 'processing');
  return {
    id: job.jobId,
    status,
    output: status === 'succeeded' ? `made of ${job.tag}` : null,
    error: status === 'failed' ? 'It was told to fail.' : null,
    urls: {},
  };
}

const promptOnly = { type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] };

const runflowModel = {
  provider_slug: 'trial',
  model_slug: 'writer',
  model_name: 'Writer',
  description: 'Writes text.',
  category_code: 'text_to_text',
  price_label: '$0.05 per run',
  availability_status: 'available',
  inputs: [{ name: 'prompt', variable_type_code: 'string', is_required: true }],
  outputs: [{ name: 'text', variable_type_code: 'text' }],
};

const runwareModel = {
  air: 'trial:1@1',
  name: 'Writer',
  headline: 'Writes text.',
  capabilities: ['io:text-to-text'],
  status: 'live',
  pricingOverview: '$0.05',
  pricingExamples: [{ configuration: 'one', price: 0.05 }],
};

const runwareSchema = {
  requestSchema: {
    type: 'object',
    properties: { taskType: { const: 'textInference' }, positivePrompt: { type: 'string' } },
    required: ['positivePrompt'],
  },
  responseSchema: { type: 'object', properties: { text: { type: 'string' } } },
};

const replicateModel = {
  owner: 'trial',
  name: 'writer',
  description: 'Writes text.',
  visibility: 'public',
  is_official: true,
  run_count: 10,
  latest_version: {
    id: 'v1',
    openapi_schema: {
      components: { schemas: { Input: promptOnly, Output: { type: 'string', title: 'Output' } } },
    },
  },
};

/** What a job costs in the end: Runware's errors have no cost, as far as its types tell. */
export function chargedFor({ dialect, script }: Submission): number {
  return dialect === 'runware' && script.outcome === 'failed' ? 0 : script.cost;
}

/** The fourth platform, described by a file. */
export function acmeDescription(): unknown {
  return {
    slug: 'acme',
    title: 'Acme',
    homepage: 'https://acme.example',
    base_url: 'https://api.acme.example/acme',
    submit: { path: '/jobs', body: { prompt: '{{input.prompt}}' }, handle: { id: '/id' } },
    poll: {
      path: '/jobs/{{handle.id}}',
      status: '/status',
      states: { running: ['RUNNING'], succeeded: ['SUCCEEDED'], failed: ['FAILED'] },
      every_ms: 1_000,
    },
    result: {
      outputs: [{ at: '/output', kind: 'text', content_type: 'text/plain' }],
      error: { message: '/failure' },
      charged: { at: '/cost', currency: 'USD' },
    },
    probe: { path: '/account' },
    models: [
      {
        id: 'writer',
        title: 'Writer',
        summary: 'Writes text.',
        output: 'text',
        price: { text: '$0.05 a run', basis: 'per_request', amount: 0.05 },
        fields: [{ name: 'prompt', description: 'What to write', required: true }],
      },
    ],
  };
}

/** The model of each platform, and the field that its script is put into. */
export const trialModels: Readonly<Record<Dialect, { model: string; field: string }>> = {
  runflow: { model: 'runflow/trial/writer', field: 'prompt' },
  runware: { model: 'runware/trial:1@1', field: 'positivePrompt' },
  replicate: { model: 'replicate/trial/writer', field: 'prompt' },
  acme: { model: 'acme/writer', field: 'prompt' },
};

/** On loopback, or where containers reach it. */
export async function startPlatform(host = '127.0.0.1'): Promise<TrialPlatform> {
  const platform = new Platform();
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    platform.handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    submissions: platform.submissions,
    keyless: () => platform.keyless,
    unreachable: platform.unreachable,
    async close() {
      server.closeAllConnections();
      server.close();
      await platform.settled();
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  // as: without an encoding, a request yields buffers.
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
}

function readObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function refuseFor(
  seconds: number,
  { response, status }: { response: ServerResponse; status: number },
): void {
  response.setHeader('retry-after', String(seconds));
  send(response, status, { detail: `try again in ${seconds} s` });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const isPage = typeof body === 'string';
  response.setHeader('content-type', isPage ? 'text/html' : 'application/json');
  response.writeHead(status);
  response.end(isPage ? body : JSON.stringify(body));
}
