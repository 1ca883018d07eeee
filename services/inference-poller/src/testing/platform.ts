import { AppError } from '@inferry/contracts';
import type {
  JobView,
  Provider,
  ProviderCapabilities,
  ProviderContext,
  Recovery,
  SubmitRequest,
} from '@inferry/providers';

export interface PlatformJob {
  id: string;
  runId: string;
  request: SubmitRequest;
  view: JobView;
  polls: number;
  cancels: number;
}

export type SubmitScript = (request: SubmitRequest, accept: () => PlatformJob) => Promise<void> | void;

/** What an upstream does, told by a test: shared by all replicas, as a real platform is. */
export class Platform {
  readonly jobs = new Map<string, PlatformJob>();
  readonly submits = new Map<string, number>();
  slug = 'scripted';
  capabilities: ProviderCapabilities = {
    cancel: 'real',
    progress: 'percent',
    jobs: 'remote',
    watch: false,
    recover: true,
    inputUrls: 'public',
  };
  /** Whether nothing may be sent to it without a key. */
  needsKey = false;
  ready: { isReady: boolean; note?: string } = { isReady: true };
  /** The keys that its calls came with: `submit sk-1`. */
  readonly shownKeys: string[] = [];
  /** Keys that it refuses. */
  readonly deadKeys = new Set<string>();
  /** One for each submit to come; then every submit is accepted. */
  submitScripts: SubmitScript[] = [];
  /** Thrown by the polls to come, or awaited. */
  pollErrors: unknown[] = [];
  /** What a job reports from its first poll on; undefined: it runs until `finish`. */
  endsAs: JobView | undefined;
  onCancel: (job: PlatformJob) => 'confirmed' | 'requested' | 'too_late' | 'unsupported' = (job) => {
    job.view = { status: 'cancelled', upstreamStatus: 'CANCELLED' };
    return 'confirmed';
  };
  /** It charges what fails, and never says what. */
  chargesFailures = false;
  onRecover: ((runId: string) => Recovery | Promise<Recovery>) | undefined;
  watch: Provider['watch'];
  readWebhook: Provider['readWebhook'];
  /** Absent: it has no way to delete what it keeps of a job. */
  deletePayload: Provider['deletePayload'];

  get submitCount(): number {
    return [...this.submits.values()].reduce((sum, count) => sum + count, 0);
  }

  jobOf(runId: string): PlatformJob {
    const job = [...this.jobs.values()].find((candidate) => candidate.runId === runId);
    if (job === undefined) throw new Error(`the platform has no job for ${runId}`);
    return job;
  }

  set(runId: string, view: JobView): void {
    this.jobOf(runId).view = view;
  }

  provider(): Provider {
    const { slug, capabilities, needsKey } = this;
    return {
      needsKey,
      slug,
      title: 'Scripted platform',
      capabilities,
      ready: () => this.ready,
      listModels: async () => 'unchanged',
      quote: () => ({ currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' }),
      submit: (request, context) => {
        this.#show('submit', context);
        return this.#submit(request);
      },
      poll: async ({ id }, context) => {
        this.#show('poll', context);
        return this.#poll(String(id));
      },
      cancel: async ({ id }, context) => {
        this.#show('cancel', context);
        return this.#cancel(String(id));
      },
      recover: async ({ runId }) => this.#recover(runId),
      mayCostUntold: () => this.chargesFailures,
      ...(this.watch === undefined
        ? {}
        : { watch: (handle, context: ProviderContext) => this.#watch(handle, context) }),
      ...(this.readWebhook === undefined ? {} : { readWebhook: this.readWebhook }),
      ...(this.deletePayload === undefined ? {} : { deletePayload: this.deletePayload }),
      close: async () => undefined,
    };
  }

  #show(call: string, { credential }: ProviderContext): void {
    const key = credential?.reveal() ?? '';
    this.shownKeys.push(`${call} ${key}`);
    if (!this.deadKeys.has(key)) return;
    throw new AppError('unauthorized', 'The platform refuses this key.', { upstreamStatus: 401 });
  }

  #watch(...args: Parameters<NonNullable<Provider['watch']>>): AsyncIterable<JobView> {
    if (this.watch === undefined) throw new Error('no watch was scripted');
    return this.watch(...args);
  }

  async #submit(request: SubmitRequest): ReturnType<Provider['submit']> {
    const { runId } = request;
    const accept = () => {
      const id = `job-${this.jobs.size + 1}`;
      const view: JobView = { status: 'running', upstreamStatus: 'IN_PROGRESS' };
      const job = { id, runId, request, view, polls: 0, cancels: 0 };
      this.jobs.set(id, job);
      this.submits.set(runId, (this.submits.get(runId) ?? 0) + 1);
      return job;
    };
    const before = this.jobs.size;
    await this.submitScripts.shift()?.(request, accept);
    const job = this.jobs.size > before ? this.jobOf(runId) : accept();
    return { handle: { id: job.id }, view: job.view };
  }

  async #poll(id: string): Promise<JobView> {
    const error = this.pollErrors.shift();
    if (typeof error === 'function') await error();
    else if (error !== undefined) throw error;
    const job = this.jobs.get(id);
    if (job === undefined) return { status: 'expired', upstreamStatus: 'NOT_FOUND' };
    job.polls += 1;
    if (this.endsAs !== undefined && job.view.status === 'running') job.view = this.endsAs;
    return job.view;
  }

  async #cancel(id: string): ReturnType<Provider['cancel']> {
    const job = this.jobs.get(id);
    if (job === undefined) return 'too_late';
    job.cancels += 1;
    return this.onCancel(job);
  }

  async #recover(runId: string): Promise<Recovery> {
    if (this.onRecover !== undefined) return this.onRecover(runId);
    const job = [...this.jobs.values()].find((candidate) => candidate.runId === runId);
    return job === undefined ? { outcome: 'absent' } : { outcome: 'found', handle: { id: job.id } };
  }
}

export function succeeded(text = 'done', extra: Partial<JobView> = {}): JobView {
  return {
    status: 'succeeded',
    upstreamStatus: 'COMPLETED',
    outputs: [{ kind: 'text', contentType: 'text/plain', text }],
    charged: { amount: 0.07, currency: 'USD' },
    ...extra,
  };
}
