import { isObject } from '@inferry/contracts';
import { type PlatformSocket, parseJson } from '../http/index.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { SocketEvent } from './wire.ts';

/** More of them would only be shown for a moment. */
const previewEveryMs = 1_000;

export interface LiveJob {
  id: string;
  /** How many nodes its graph has. */
  nodes: number;
  now: () => number;
}

/**
 * What a job's socket tells until it says that the job has ended. Progress is the share of nodes that are done, with that of
 * the one that works; it never goes back.
 */
export async function* liveViews(socket: PlatformSocket, job: LiveJob): AsyncGenerator<JobView> {
  const reader = new EventReader(job);
  for await (const message of socket.messages) {
    const view = typeof message === 'string' ? reader.readText(message) : reader.readPreview(message);
    if (view === 'end') return;
    if (view !== undefined) yield view;
  }
}

class EventReader {
  readonly #job: LiveJob;
  readonly #done = new Set<string>();
  #shown = 0;
  #previewedAt = Number.NEGATIVE_INFINITY;
  /** Whether the last event was of our job: previews do not say whose they are. */
  #isOurs = false;

  constructor(job: LiveJob) {
    this.#job = job;
  }

  readText(message: string): JobView | 'end' | undefined {
    const event = SocketEvent.safeParse(parseJson(message));
    if (!event.success) return undefined;
    const { type, data } = event.data;
    if (typeof data.prompt_id !== 'string') return undefined;
    this.#isOurs = data.prompt_id === this.#job.id;
    if (!this.#isOurs) return undefined;
    if (isEnd(type, data.node)) return 'end';
    const share = (count(this.#done, type, data) + shareOf(type, data)) / Math.max(this.#job.nodes, 1);
    this.#shown = Math.min(Math.max(this.#shown, share), 0.99);
    const progress = this.#shown > 0 ? { progress: this.#shown } : {};
    return { status: 'running', upstreamStatus: type.slice(0, 100), ...progress };
  }

  readPreview(message: Uint8Array): JobView | undefined {
    const now = this.#job.now();
    const preview =
      this.#isOurs && now - this.#previewedAt >= previewEveryMs ? toPreview(message) : undefined;
    if (preview === undefined) return undefined;
    this.#previewedAt = now;
    return { status: 'running', upstreamStatus: 'executing', outputs: [preview] };
  }
}

function isEnd(type: string, node: unknown): boolean {
  if (type === 'executing') return node === null;
  return ['execution_success', 'execution_error', 'execution_interrupted'].includes(type);
}

/** Notes which nodes are done: those from the cache, and those that told what they made. */
function count(
  done: Set<string>,
  type: string,
  { node, nodes }: { node?: unknown; nodes?: unknown },
): number {
  if (type === 'execution_cached' && Array.isArray(nodes)) for (const id of nodes) done.add(String(id));
  if (type === 'executed' && node !== undefined) done.add(String(node));
  if (type === 'progress_state' && isObject(nodes)) {
    for (const [id, state] of Object.entries(nodes))
      if (isObject(state) && state.state === 'finished') done.add(id);
  }
  return done.size;
}

/** How far the node that works is. */
function shareOf(
  type: string,
  data: { value?: number | null | undefined; max?: number | null | undefined; nodes?: unknown },
): number {
  if (type === 'progress') return ratio(data.value, data.max);
  if (type !== 'progress_state' || !isObject(data.nodes)) return 0;
  const working = Object.values(data.nodes)
    .filter(isObject)
    .filter(({ state }) => state === 'running');
  return working.reduce((sum, { value, max }) => sum + ratio(value, max), 0);
}

function ratio(value: unknown, max: unknown): number {
  return typeof value === 'number' && typeof max === 'number' && max > 0 ? Math.min(value / max, 1) : 0;
}

/** Event 1 is a preview: its format (1 JPEG, 2 PNG), then the picture. */
function toPreview(message: Uint8Array): ProviderOutput | undefined {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.byteLength <= 8 || view.getUint32(0) !== 1) return undefined;
  const contentType = view.getUint32(4) === 2 ? 'image/png' : 'image/jpeg';
  return { kind: 'image', contentType, bytes: message.slice(8) };
}
