// The links between the processes of a simulated deployment and what they need: each may be slow, silent or broken, and what
// was on it may come late, come once the link is whole again, or never.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Transport } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import type { Scheduler, SimProcess } from './scheduler.ts';

/** `hold`: bytes wait in sockets and arrive when the link is back. `lose`: they are gone. */
export type Cut = 'hold' | 'lose';

interface Parcel {
  process: SimProcess | undefined;
  what: string;
  run(): void;
}

export class Link {
  readonly name: string;
  readonly scheduler: Scheduler;
  cut: Cut | undefined;
  cutAt = 0;
  /** Told when it breaks and when it is whole again. */
  onChange: (() => void) | undefined;
  slowMs = 0;
  readonly #held: Parcel[] = [];
  /** What leaves by one connection arrives in order. */
  #lastAt = 0;

  constructor(scheduler: Scheduler, name: string) {
    this.scheduler = scheduler;
    this.name = name;
  }

  carry(parcel: Parcel, isInOrder = false): void {
    const { scheduler } = this;
    if (this.cut === 'lose') return scheduler.tell(`${this.name}: lost ${parcel.what}`);
    if (this.cut === 'hold') return void this.#held.push(parcel);
    const at = scheduler.now + this.#delay();
    this.#lastAt = isInOrder ? Math.max(at, this.#lastAt) : this.#lastAt;
    scheduler.add({ ...parcel, at: isInOrder ? this.#lastAt : at });
  }

  break(cut: Cut): void {
    this.cut = cut;
    this.cutAt = this.scheduler.now;
    this.onChange?.();
  }

  restore(): void {
    this.cut = undefined;
    this.slowMs = 0;
    this.onChange?.();
    for (const parcel of this.#held.splice(0)) this.carry(parcel, true);
  }

  #delay(): number {
    const { random } = this.scheduler;
    const luck = random.next();
    const usual = luck < 0.8 ? 0.2 + luck * 3 : luck < 0.97 ? 3 + random.next() * 30 : random.next() * 400;
    return usual + this.slowMs * random.next();
  }
}

/** What answers questions: a database, a store of notes. */
export class Server {
  readonly name: string;
  isDown = false;
  /** It reads, and has no room for what is new. */
  isFull = false;

  constructor(name: string) {
    this.name = name;
  }
}

interface Question<T> {
  what: string;
  server: Server;
  timeoutMs: number;
  /** Whether the asker goes on working on it when it has arrived, as in a transaction of several statements. */
  isJoint?: boolean;
  /** Whether it changes something. */
  isWrite?: boolean;
  work(): Promise<T>;
}

/** Asks a server over a link: what was asked may have been done although nobody ever hears of it. */
export function ask<T>(process: SimProcess, link: Link, question: Question<T>): Promise<T> {
  const { what, server, timeoutMs, isJoint = false, isWrite = isJoint, work } = question;
  const within = AsyncLocalStorage.snapshot();
  const away = () => new AppError('unavailable', `${server.name} does not answer.`);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(away()), timeoutMs);
    const answer = (settle: () => void) =>
      link.carry({
        process,
        what: `${what} answered`,
        run: () => {
          clearTimeout(timer);
          settle();
        },
      });
    link.carry({
      process: isJoint ? process : undefined,
      what,
      run: () => {
        if (server.isDown || (server.isFull && isWrite)) return answer(() => reject(away()));
        within(work).then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        );
      },
    });
  });
}

/** How long a broken link to the bus goes unnoticed. */
const noticeMs = 2_000;

/** The bus as one process sees it, over its own link. */
export function linkedTransport(router: Transport, process: SimProcess, link: Link): Transport {
  const { scheduler } = link;
  const subscriptions = new Set<{ unsubscribe(): void }>();
  const isConnected = () => link.cut === undefined || scheduler.now < link.cutAt + noticeMs;
  const statusListeners: ((isConnected: boolean) => void)[] = [];
  process.onDeath.push(() => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  });
  watchStatus(process, link, { isConnected, listeners: statusListeners });
  return {
    get isConnected() {
      return isConnected();
    },
    maxPayloadBytes: router.maxPayloadBytes,
    publish(message) {
      if (!isConnected()) throw new AppError('unavailable', 'The bus cannot be reached.');
      const run = () => router.publish(message);
      link.carry(
        { process: undefined, what: `${process.name} says ${shortSubject(message.subject)}`, run },
        true,
      );
    },
    subscribe(subject, listener, queue) {
      const hear: typeof listener = (message) =>
        link.carry(
          { process, what: `hears ${shortSubject(message.subject)}`, run: () => listener(message) },
          true,
        );
      const subscription = router.subscribe(subject, hear, queue);
      subscriptions.add(subscription);
      return {
        unsubscribe() {
          subscriptions.delete(subscription);
          subscription.unsubscribe();
        },
      };
    },
    onStatus: (listener) => void statusListeners.push(listener),
    flush: () => scheduler.pass(process, 1, 'flushed'),
    close: async () => undefined,
  };
}

/** A process notices after a while that its link is broken, and soon that it is whole. */
function watchStatus(
  process: SimProcess,
  link: Link,
  {
    isConnected,
    listeners,
  }: { isConnected(): boolean; listeners: readonly ((isConnected: boolean) => void)[] },
): void {
  let before = true;
  const look = () => {
    const now = isConnected();
    if (now !== before) for (const listener of listeners) listener(now);
    before = now;
  };
  link.onChange = () => {
    const afterMs = link.cut === undefined ? 100 : noticeMs + 1;
    link.scheduler.add({
      at: link.scheduler.now + afterMs,
      process,
      what: 'sees its link to the bus',
      run: look,
    });
  };
}

function shortSubject(subject: string): string {
  return subject.replace(/^(inbox|direct\.v1|cancel\.v1\.inbox)\.[^ ]*$/, '$1');
}
