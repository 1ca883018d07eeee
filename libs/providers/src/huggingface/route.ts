import type { PlatformClient } from '../http/index.ts';
import type { JobHandle, JobView, ProviderContext, ProviderOutput } from '../provider.ts';
import { type Task, tasks } from './tasks.ts';

/** One run on its way to the platform that serves it. */
export interface RoutedRun {
  client: PlatformClient;
  context: ProviderContext;
  task: Task;
  /** What the model is called there. */
  providerId: string;
  /** As the task's schema has it. */
  input: Readonly<Record<string, unknown>>;
}

/** How one serving platform is spoken to through the router. */
export interface Route {
  /** The tasks that this route can do. */
  tasks: readonly Task[];
  /** Answers in the same call: the router holds it until then. */
  call?(run: RoutedRun): Promise<JobView>;
  /** Or a job: what its later polls need. */
  submit?(run: RoutedRun): Promise<{ handle: JobHandle; view: JobView }>;
  poll?(handle: JobHandle, client: PlatformClient, context: ProviderContext): Promise<JobView>;
}

const contentTypes = { image: 'image/png', video: 'video/mp4', audio: 'audio/mpeg' } as const;

/** A link as the output of a task. */
export function linkOutput(url: string, task: unknown): ProviderOutput {
  // as: checked to be one of its keys.
  const output =
    typeof task === 'string' && Object.hasOwn(tasks, task) ? tasks[task as Task].output : 'image';
  const kind = output === 'video' || output === 'audio' ? output : 'image';
  return { kind, contentType: contentTypes[kind], url };
}

/** Every http link in an answer, wherever it stands: the platforms put their files in different places. */
export function linksIn(body: unknown, depth = 0): string[] {
  if (typeof body === 'string') return /^https?:\/\/\S+$/.test(body) && URL.canParse(body) ? [body] : [];
  if (typeof body !== 'object' || body === null || depth > 4) return [];
  return Object.values(body).flatMap((value) => linksIn(value, depth + 1));
}

export function succeeded(outputs: ProviderOutput[], upstreamStatus: string): JobView {
  if (outputs.length > 0) return { status: 'succeeded', upstreamStatus, progress: 1, outputs };
  const message = 'The platform says that it succeeded and gave no output.';
  return { status: 'failed', upstreamStatus, error: { code: 'upstream_failed', message } };
}

export function failed(upstreamStatus: string): JobView {
  const error = {
    code: 'generate_failed',
    message: 'The serving platform could not finish this job.',
  } as const;
  return { status: 'failed', upstreamStatus, error };
}

/** The input without some fields, and without what is not there. */
export function without(input: RoutedRun['input'], names: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(input).filter(
    ([name, value]) => !names.includes(name) && value !== undefined,
  );
  return Object.fromEntries(entries);
}
