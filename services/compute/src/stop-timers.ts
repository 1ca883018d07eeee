/** Ends machines whose time is over: by a timer where one was made, and by what they are marked with after a restart. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type Principal } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import type { ControlPlane, ResourceType } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import type { ControlPlanes } from './control-planes.ts';

interface Ending {
  plane: ControlPlane;
  type: ResourceType;
  id: string;
  stopAt: number;
  principal: Principal;
}

interface StopTimersOptions {
  planes: ControlPlanes;
  limits: Limits;
  log: Pick<Parts['log'], 'info' | 'warn'>;
  now: () => number;
  sweepMs: number;
}

/** Nobody signs in under this name: it has the deployment's keys and no others. */
const deployment: Principal = {
  subject: 'inferry:compute',
  grant_id: 'inferry:compute',
  kind: 'local',
  scopes: ['infra'],
};
const longestTimerMs = 86_400_000;
const keptMs = 40 * 86_400_000;
/** The note of a machine that runs for as long as somebody wants. */
const noEnd = 'none';

export class StopTimers {
  readonly #options: StopTimersOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #stop = new AbortController();
  readonly #sweeping: Promise<void>;

  constructor(options: StopTimersOptions) {
    this.#options = options;
    this.#sweeping = this.#sweep();
  }

  /** The machine ends then; a later time for the same one takes the place of the first. */
  async add(ending: Ending): Promise<void> {
    const { limits, now } = this.#options;
    const key = keyOf(ending.plane.slug, ending.id);
    await limits.note(key, String(ending.stopAt), keptMs);
    this.#arm(key, ending, ending.stopAt - now());
  }

  /** Whoever starts a machine after its time was over wants it to run: only one that has time left is still ended. */
  async started(provider: string, id: string, markedAt: number): Promise<void> {
    const { limits, now } = this.#options;
    const key = keyOf(provider, id);
    const noted = Number((await limits.readNote(key)) ?? markedAt);
    if (Number.isNaN(noted) || noted > now()) return;
    await limits.note(key, noEnd, keptMs);
    this.forget(provider, id);
  }

  /** When it really ends: the note is newer than what the machine was marked with. */
  async endOf(provider: string, id: string, marked: string): Promise<string | undefined> {
    const note = await this.#options.limits.readNote(keyOf(provider, id)).catch(() => undefined);
    if (note === noEnd) return undefined;
    const noted = Number(note);
    return Number.isFinite(noted) ? new Date(noted).toISOString() : marked;
  }

  forget(provider: string, id: string): void {
    const key = keyOf(provider, id);
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await this.#sweeping;
  }

  #arm(key: string, ending: Ending, waitMs: number): void {
    clearTimeout(this.#timers.get(key));
    const run = () => void this.#end(key, ending);
    const timer = setTimeout(run, Math.max(0, Math.min(waitMs, longestTimerMs)));
    timer.unref();
    this.#timers.set(key, timer);
  }

  /** Another replica may have been told of a later time. */
  async #end(key: string, ending: Ending): Promise<void> {
    const { planes, limits, log, now } = this.#options;
    const note = await limits.readNote(key).catch(() => undefined);
    if (note === noEnd) return this.forget(ending.plane.slug, ending.id);
    const noted = Number(note);
    const until = Number.isFinite(noted) ? noted : ending.stopAt;
    if (until > now()) return this.#arm(key, ending, until - now());
    const { plane, type, id, principal } = ending;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(30_000)]);
    try {
      await planes.with(plane, { principal, signal }, (platform) =>
        plane.act({ type, id, action: 'stop' }, platform),
      );
      this.#timers.delete(key);
      log.info({ provider: plane.slug, id }, 'a machine was stopped when its time was over');
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      log.warn({ err: error, provider: plane.slug, id }, 'a machine could not be stopped');
      // What is gone or stopped already needs no further try.
      const isOver =
        error instanceof AppError && ['not_found', 'unauthorized', 'upstream_failed'].includes(error.code);
      if (isOver) this.#timers.delete(key);
      else this.#arm(key, { ...ending, stopAt: now() }, 30_000);
    }
  }

  /** Machines of the deployment's own keys carry the time of their end: a restart forgets none of them. */
  async #sweep(): Promise<void> {
    const { sweepMs, planes, limits, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      await sleep(sweepMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      const lock = await limits.acquire('infra-sweep', sweepMs).catch(() => undefined);
      if (lock === undefined) continue;
      for (const plane of planes.all) {
        await this.#sweepPlane(plane).catch((error: unknown) => {
          const isUnconnected = error instanceof AppError && error.code === 'provider_not_connected';
          if (!isUnconnected) log.warn({ err: error, provider: plane.slug }, 'machines could not be listed');
        });
      }
    }
  }

  async #sweepPlane(plane: ControlPlane): Promise<void> {
    if (plane.resources.pod?.actions?.includes('stop') !== true) return;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(30_000)]);
    const { items } = await this.#options.planes.with(plane, { principal: deployment, signal }, (platform) =>
      plane.list({ type: 'pod' }, platform),
    );
    for (const { id, marks, status } of items) {
      const key = keyOf(plane.slug, id);
      const stopAt = Date.parse(marks.stop_at ?? '');
      if (
        Number.isNaN(stopAt) ||
        this.#timers.has(key) ||
        !/^(running|provisioning|starting)$/i.test(status ?? '')
      )
        continue;
      this.#arm(key, { plane, type: 'pod', id, stopAt, principal: deployment }, stopAt - this.#options.now());
    }
  }
}

function keyOf(provider: string, id: string): string {
  return `infra-stop/${provider}/${id}`;
}
