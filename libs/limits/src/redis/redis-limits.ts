import { createHash, randomUUID } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import { Redis, type RedisOptions } from 'ioredis';
import type { Limits, WindowHit, WindowVerdict } from '../limits.ts';
import { releaseScript, windowScript } from './window-script.ts';

export interface RedisLimitsOptions {
  /** `redis://` or `rediss://`, with the credentials in it. */
  url: string;
  /** Keeps deployments apart that share a server. All keys carry it as hash tag, so they stay in one cluster slot. */
  keyPrefix?: string;
  /** How long a command may take. */
  timeoutMs?: number;
  /** How long a connection may take to open. */
  connectTimeoutMs?: number;
  /** For tests: the time of the windows, instead of the server's own. */
  now?: () => number;
}

/** Limits that every replica shares, and with them a clock. */
interface SharedLimits extends Limits {
  /** Epoch milliseconds by the server's clock. */
  time(): Promise<number>;
}

/** `Limits` that every replica shares. Rejects with `unavailable` when the first connection fails. */
export async function connectRedisLimits(options: RedisLimitsOptions): Promise<SharedLimits> {
  const timeoutMs = options.timeoutMs ?? 500;
  const client = new Redis(options.url, toClientOptions(timeoutMs, options.connectTimeoutMs ?? 2_000));
  let lastError = '';
  // Without a listener the client writes to the console; each command's caller learns of it anyway.
  client.on('error', (error: Error) => {
    lastError = error.message;
  });
  try {
    await client.connect();
  } catch (cause) {
    client.disconnect();
    const isRefused = /WRONGPASS|NOAUTH|NOPERM/.test(lastError + String(cause));
    const reason = isRefused ? 'it refuses the credentials' : 'no connection';
    throw new AppError('unavailable', `Redis at ${placeOf(client)} cannot be reached: ${reason}.`, {
      retryAfterSeconds: 2,
      nextAction: 'Check REDIS_URL and that the server is running.',
      cause,
    });
  }
  return new RedisLimits(client, `{${options.keyPrefix ?? 'inferry'}}`, options.now);
}

function toClientOptions(commandTimeout: number, connectTimeout: number): Omit<RedisOptions, 'replyMapping'> {
  return {
    lazyConnect: true,
    connectTimeout,
    commandTimeout,
    // A link that is cut in silence is given up instead of costing every command its time-out.
    socketTimeout: commandTimeout * 2,
    // A command that cannot be sent now fails now: a queue would only grow, and a hit sent twice counts twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(2_000, 50 * 2 ** Math.min(attempt, 6)) * (0.5 + Math.random()),
    // After a failover the old primary refuses writes: look up the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    disableClientInfo: true,
  };
}

function placeOf(client: Redis): string {
  return `${client.options.host ?? 'localhost'}:${client.options.port ?? 6379}`;
}

interface Script {
  text: string;
  sha: string;
}

/** Groups in one command, while which Redis answers nobody else; more than these at once go out in several. */
const maxBatch = 32;

/** Hits that are counted together or not at all. */
interface WaitingGroup {
  hits: readonly WindowHit[];
  resolve(verdicts: WindowVerdict[]): void;
  reject(error: unknown): void;
}

class RedisLimits implements SharedLimits {
  readonly #client: Redis;
  readonly #prefix: string;
  readonly #now: (() => number) | undefined;
  readonly #window = toScript(windowScript);
  readonly #release = toScript(releaseScript);
  #waiting: WaitingGroup[] = [];

  constructor(client: Redis, prefix: string, now: (() => number) | undefined) {
    this.#client = client;
    this.#prefix = prefix;
    this.#now = now;
  }

  async hit(hit: WindowHit): Promise<WindowVerdict> {
    const [verdict] = await this.hitAll([hit]);
    if (verdict === undefined) throw malformed();
    return verdict;
  }

  /** What is asked in one turn of the event loop shares a command: under load each costs a fraction of one. */
  hitAll(hits: readonly WindowHit[]): Promise<WindowVerdict[]> {
    if (hits.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ hits, resolve, reject });
    });
  }

  async acquire(key: string, ttlMs: number): Promise<string | undefined> {
    const token = randomUUID();
    const reply = await this.#send(() => this.#client.set(this.#lockKey(key), token, 'PX', ttlMs, 'NX'));
    return reply === 'OK' ? token : undefined;
  }

  async release(key: string, token: string): Promise<boolean> {
    return (await this.#run(this.#release, [this.#lockKey(key)], [token])) === 1;
  }

  async note(key: string, text: string, ttlMs: number): Promise<void> {
    await this.#send(() => this.#client.set(this.#noteKey(key), text, 'PX', ttlMs));
  }

  async readNote(key: string): Promise<string | undefined> {
    return (await this.#send(() => this.#client.get(this.#noteKey(key)))) ?? undefined;
  }

  async dropNote(key: string): Promise<void> {
    await this.#send(() => this.#client.del(this.#noteKey(key)));
  }

  async ping(): Promise<void> {
    await this.#send(() => this.#client.ping());
  }

  async time(): Promise<number> {
    const [seconds = '', micros = ''] = (await this.#send(() => this.#client.time())).map(String);
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  async close(): Promise<void> {
    this.#client.disconnect();
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += maxBatch) {
      const batch = waiting.slice(from, from + maxBatch);
      this.#judge(batch).catch((error: unknown) => {
        for (const { reject } of batch) reject(error);
      });
    }
  }

  async #judge(groups: readonly WaitingGroup[]): Promise<void> {
    const keys: string[] = [];
    let rules = '';
    for (const [group, { hits }] of groups.entries()) {
      for (const { key, rule, cost = 1 } of hits) {
        keys.push(`${this.#prefix}:window:${rule.windowMs}:${key}`);
        rules += `${rule.limit} ${rule.windowMs} ${cost} ${group};`;
      }
    }
    const reply = await this.#run(this.#window, keys, [this.#now?.() ?? '', rules]);
    const numbers = String(reply).split(' ').map(Number);
    if (numbers.length !== keys.length * 4) throw malformed();
    let at = 0;
    for (const { hits, resolve } of groups) {
      resolve(hits.map((_, index) => toVerdict(numbers, at + index)));
      at += hits.length;
    }
  }

  #lockKey(key: string): string {
    return `${this.#prefix}:lock:${key}`;
  }

  #noteKey(key: string): string {
    return `${this.#prefix}:note:${key}`;
  }

  async #run(script: Script, keys: string[], args: (string | number)[]): Promise<unknown> {
    return this.#send(async () => {
      try {
        return await this.#client.evalsha(script.sha, keys.length, ...keys, ...args);
      } catch (error) {
        // A server that restarted knows no scripts.
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return await this.#client.eval(script.text, keys.length, ...keys, ...args);
      }
    });
  }

  async #send<T>(command: () => Promise<T>): Promise<T> {
    if (this.#client.status !== 'ready') throw unavailable(undefined);
    try {
      return await command();
    } catch (cause) {
      throw unavailable(cause);
    }
  }
}

function toScript(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Of the hit at this place among all that were judged. */
function toVerdict(numbers: readonly number[], place: number): WindowVerdict {
  const [allowed, remaining = 0, retryAfterMs = 0, resetMs = 0] = numbers.slice(place * 4, place * 4 + 4);
  return { isAllowed: allowed === 1, remaining, retryAfterMs, resetMs };
}

function unavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'The store of limits cannot be reached.', {
    retryAfterSeconds: 2,
    cause,
  });
}

function malformed(): AppError {
  return new AppError('internal', 'Redis answered something else than verdicts.');
}
