import type { Transport } from '@inferry/bus';
import type { Database } from '@inferry/database';
import type { Limits } from '@inferry/limits';
import type { Provider } from '@inferry/providers';
import type { KyselyPlugin, QueryId } from 'kysely';
import { diskFiles, type JournalFiles } from '../poller/submit-facts.ts';

class Crash extends Error {}

/**
 * Kills a replica from outside, as `kill -9` does: after the chosen step nothing of it reaches the database, the
 * platform, its files or the bus any more, and what it awaits never comes. A step has the name of what it is and counts
 * what was so named before it (`update 2`): what a replica does besides, by its clock, moves none of the others.
 */
export class CrashGate {
  isCrashed = false;
  /** Resolves at the crash. */
  readonly crashed: Promise<void>;
  /** What has been passed, in order. */
  readonly steps: string[] = [];
  #crashAt: string | undefined;
  readonly #counts = new Map<string, number>();
  readonly #subscriptions: { unsubscribe(): void }[] = [];

  readonly #onCrash: () => void;

  constructor(crashAt?: string) {
    this.#crashAt = crashAt;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.crashed = promise;
    this.#onCrash = resolve;
  }

  /** It lives on, whatever it does from now on. */
  disarm(): void {
    this.#crashAt = undefined;
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
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const step = `${name} ${count}`;
    this.steps.push(step);
    if (step === this.#crashAt) this.crash();
    return this.isCrashed;
  }

  async pass(name: string): Promise<void> {
    if (this.#diesAt(name)) await new Promise(() => undefined);
  }

  guardDatabase(database: Database): Database {
    const outside = this.#plugin((kind) => this.pass(kind));
    const inside = this.#plugin(async (kind) => {
      if (this.#diesAt(`${kind} in a transaction`)) throw new Crash();
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

  /** What its successor on the same disk finds. */
  guardFiles(): JournalFiles {
    const guard = async (name: string, work: () => Promise<void>): Promise<void> => {
      await this.pass(`before ${name}`);
      await work();
      await this.pass(`after ${name}`);
    };
    const isAnswer = new Map<string, boolean>();
    const what = (file: string) => (isAnswer.get(file) === true ? 'the answer' : 'the submit');
    return {
      ...diskFiles,
      write: (file, text) => {
        isAnswer.set(file, text.includes('"handle"'));
        return guard(`writing ${what(file)}`, () => diskFiles.write(file, text));
      },
      rename: (from, to) => guard(`renaming ${what(from)}`, () => diskFiles.rename(from, to)),
      remove: (file) => guard('removing a file', () => diskFiles.remove(file)),
    };
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

  #plugin(after: (kind: string) => Promise<void>): KyselyPlugin {
    const kinds = new WeakMap<QueryId, string>();
    return {
      transformQuery: ({ node, queryId }) => {
        if (this.isCrashed) throw new Crash();
        kinds.set(queryId, node.kind.replace(/(Query)?Node$/, '').toLowerCase());
        return node;
      },
      transformResult: async ({ result, queryId }) => {
        await after(kinds.get(queryId) ?? 'statement');
        return result;
      },
    };
  }
}
