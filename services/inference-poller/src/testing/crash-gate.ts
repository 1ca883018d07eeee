import type { Transport } from '@inferry/bus';
import type { Database } from '@inferry/database';
import type { Limits } from '@inferry/limits';
import type { Provider } from '@inferry/providers';
import type { KyselyPlugin } from 'kysely';

class Crash extends Error {}

/**
 * Kills a replica from outside, as `kill -9` does: after the chosen step nothing of it reaches the database, the
 * platform or the bus any more, and what it awaits never comes.
 */
export class CrashGate {
  isCrashed = false;
  /** Resolves at the crash. */
  readonly crashed: Promise<void>;
  /** How many steps have been passed. */
  steps = 0;
  #crashAfter: number;
  readonly #names: string[] = [];
  readonly #subscriptions: { unsubscribe(): void }[] = [];

  readonly #onCrash: () => void;

  constructor(crashAfter = Number.POSITIVE_INFINITY) {
    this.#crashAfter = crashAfter;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.crashed = promise;
    this.#onCrash = resolve;
  }

  get lastStep(): string {
    return this.#names.at(-1) ?? '';
  }

  crash(): void {
    this.isCrashed = true;
    this.#onCrash();
    // The bus of a dead process sends it nothing more.
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** True when the process dies at this very step. */
  #diesAt(name: string): boolean {
    if (this.isCrashed) return true;
    this.steps += 1;
    this.#names.push(name);
    if (this.steps > this.#crashAfter) this.crash();
    return this.isCrashed;
  }

  async pass(name: string): Promise<void> {
    if (this.#diesAt(name)) await new Promise(() => undefined);
  }

  guardDatabase(database: Database): Database {
    const outside = this.#plugin(async () => this.pass('statement'));
    const inside = this.#plugin(async () => {
      if (this.#diesAt('statement in a transaction')) throw new Crash();
    });
    return {
      ...database,
      queries: database.queries.withPlugin(outside),
      transaction: async (work) => {
        if (this.isCrashed) throw new Crash();
        try {
          const result = await database.transaction((queries) => work(queries.withPlugin(inside)));
          await this.pass('commit');
          return result;
        } catch (error) {
          if (error instanceof Crash) await new Promise(() => undefined);
          throw error;
        }
      },
    };
  }

  guardProvider(provider: Provider): Provider {
    const guard = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      await this.pass(`before ${name}`);
      try {
        return await work();
      } finally {
        await this.pass(`after ${name}`);
      }
    };
    return {
      ...provider,
      submit: (request, context) => guard('submit', () => provider.submit(request, context)),
      poll: (handle, context) => guard('poll', () => provider.poll(handle, context)),
      cancel: (handle, context) => guard('cancel', () => provider.cancel(handle, context)),
      recover: (request, context) => guard('recover', () => provider.recover(request, context)),
    };
  }

  /** What replicas share beside the database. */
  guardNotes(limits: Limits): Limits {
    const note: Limits['note'] = async (...args) => {
      await this.pass('before note');
      await limits.note(...args);
      await this.pass('after note');
    };
    return new Proxy(limits, {
      get: (target, name) => {
        if (name === 'note') return note;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** `isLost` tells which messages never arrive although the process lives. */
  guardTransport(transport: Transport, isLost: (subject: string) => boolean): Transport {
    return {
      get isConnected() {
        return transport.isConnected;
      },
      maxPayloadBytes: transport.maxPayloadBytes,
      publish: (message) => {
        if (!this.isCrashed && !isLost(message.subject)) transport.publish(message);
      },
      subscribe: (subject, listener, queue) => {
        const guarded: typeof listener = (message) => {
          if (!this.isCrashed) listener(message);
        };
        const subscription = transport.subscribe(subject, guarded, queue);
        this.#subscriptions.push(subscription);
        return subscription;
      },
      onStatus: (listener) => transport.onStatus(listener),
      flush: () => transport.flush(),
      close: async () => undefined,
    };
  }

  #plugin(after: () => Promise<void>): KyselyPlugin {
    return {
      transformQuery: ({ node }) => {
        if (this.isCrashed) throw new Crash();
        return node;
      },
      transformResult: async ({ result }) => {
        await after();
        return result;
      },
    };
  }
}
