import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a job of the scripted platform does, told by the input of the run itself. */
export interface JobScript {
  duration_ms: number;
  outcome: 'succeeded' | 'failed';
  /** The job is accepted and the connection is cut before the reply. */
  drop_reply: boolean;
  /** How long the platform takes to accept it; it does so whether or not its caller still waits. */
  accept_ms: number;
  /** How long an accepted job is missing from its list. */
  unlisted_ms: number;
  text: string;
  /** What it charges, where that is not what it was quoted at. */
  cost: number | undefined;
}

interface Job extends JobScript {
  id: string;
  runId: string;
  acceptedAt: number;
  cancelledAt: number | undefined;
}

export interface ScriptedUpstream {
  url: string;
  /** How often each run was submitted, accepted or not answered. */
  submissions(): ReadonlyMap<string, number>;
  /** How often each run began to be made ready for its submit. */
  preparations(): ReadonlyMap<string, number>;
  /** How many jobs were accepted for each run. */
  acceptances(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/**
 * An inference platform on loopback that does what a run's input says and counts what it was sent. It takes our run
 * id as a client id, so that a lost submit can be told from one that never came.
 */
export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const jobs = new Map<string, Job>();
  const submissions = new Map<string, number>();
  const preparations = new Map<string, number>();
  const server = createServer((request, response) => {
    answer({ jobs, submissions, preparations }, request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    submissions: () => submissions,
    preparations: () => preparations,
    acceptances() {
      const counts = new Map<string, number>();
      for (const { runId } of jobs.values()) counts.set(runId, (counts.get(runId) ?? 0) + 1);
      return counts;
    },
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface State {
  jobs: Map<string, Job>;
  submissions: Map<string, number>;
  preparations: Map<string, number>;
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://upstream');
  const [, , id = '', verb = ''] = url.pathname.split('/');
  if (request.method === 'POST' && id === '') return submit(state, await readJson(request), response);
  if (id === '') {
    const runId = url.searchParams.get('run_id');
    return send(
      response,
      200,
      [...state.jobs.values()]
        .filter((job) => job.runId === runId && Date.now() >= job.acceptedAt + job.unlisted_ms)
        .map((job) => job.id),
    );
  }
  if (id === 'prepared') {
    count(state.preparations, url.searchParams.get('run_id') ?? '');
    await sleep(Number(url.searchParams.get('ms')));
    return send(response, 200, {});
  }
  const job = state.jobs.get(id);
  if (job === undefined) return send(response, 404, { message: 'no such job' });
  if (verb === 'cancel' && stateOf(job).status === 'running') job.cancelledAt = Date.now();
  return send(response, 200, stateOf(job));
}

async function submit(
  { jobs, submissions }: State,
  body: Record<string, unknown>,
  response: ServerResponse,
): Promise<void> {
  const runId = String(body.run_id);
  count(submissions, runId);
  const input = body.input as Partial<JobScript>;
  await sleep(input.accept_ms ?? 0);
  const job: Job = {
    id: randomUUID(),
    runId,
    acceptedAt: Date.now(),
    cancelledAt: undefined,
    duration_ms: input.duration_ms ?? 0,
    outcome: input.outcome ?? 'succeeded',
    drop_reply: input.drop_reply ?? false,
    accept_ms: input.accept_ms ?? 0,
    unlisted_ms: input.unlisted_ms ?? 0,
    text: input.text ?? 'done',
    cost: input.cost,
  };
  jobs.set(job.id, job);
  if (job.drop_reply) response.destroy();
  else send(response, 200, { id: job.id });
}

function count(counts: Map<string, number>, runId: string): void {
  counts.set(runId, (counts.get(runId) ?? 0) + 1);
}

function stateOf(job: Job): { status: string; progress: number; text?: string; cost?: number | undefined } {
  if (job.cancelledAt !== undefined) return { status: 'cancelled', progress: 0 };
  const progress = job.duration_ms === 0 ? 1 : Math.min(1, (Date.now() - job.acceptedAt) / job.duration_ms);
  if (progress < 1) return { status: 'running', progress };
  return { status: job.outcome, progress: 1, text: job.text, cost: job.cost };
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  // as: without an encoding, a request yields buffers.
  for await (const chunk of request) chunks.push(chunk as Buffer);
  // as: only the scripted provider writes here.
  return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
