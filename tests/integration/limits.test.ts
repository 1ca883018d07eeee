import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { AppError } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import { describeLimits } from '@inferry/limits/contract-suite';
import { connectRedisLimits, type RedisLimitsOptions } from '@inferry/limits/redis';
import { createTcpProxy, freePort, startRedis, waitFor } from '@inferry/testing';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';

const redisUrl = inject('redisUrl');

describeLimits('Redis', (now) => connectRedisLimits({ url: redisUrl, keyPrefix: 'suite', now }));

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closers.splice(0).reverse()) await close();
});

async function connect(options: RedisLimitsOptions): Promise<Limits> {
  const limits = await connectRedisLimits(options);
  closers.push(() => limits.close());
  return limits;
}

async function startOwnRedis() {
  const server = await startRedis();
  closers.push(() => server.stop());
  return server;
}

const perMinute = { limit: 50, windowMs: 60_000 };

describe('limits that replicas share in Redis', () => {
  it('tell the time of the server, whatever the clock of the process says', async () => {
    const { url } = await startOwnRedis();
    const limits = await connectRedisLimits({ url });
    closers.push(() => limits.close());
    const real = Date.now();
    vi.setSystemTime(real + 2 * 3_600_000);

    expect(Math.abs((await limits.time()) - real)).toBeLessThan(5_000);
  });

  it('count 200 hits at once of two replicas exactly', async () => {
    const { url } = await startOwnRedis();
    const replicas = [await connect({ url }), await connect({ url })];

    const hits = Array.from({ length: 100 }, () =>
      replicas.map((limits) => limits.hit({ key: 'shared', rule: perMinute })),
    );
    const verdicts = await Promise.all(hits.flat());

    const allowed = verdicts.filter((verdict) => verdict.isAllowed);
    expect(verdicts).toHaveLength(200);
    expect(allowed).toHaveLength(50);
    expect(new Set(allowed.map((verdict) => verdict.remaining)).size).toBe(50);
  });

  it('go by the clock of the server, whatever the replicas believe', async () => {
    const { url } = await startOwnRedis();
    const limits = await connect({ url });
    const other = await connect({ url });
    const hit = { key: 'skew', rule: { limit: 1, windowMs: 60_000 } };
    await limits.hit(hit);

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    const verdict = await other.hit(hit);

    expect(verdict.isAllowed).toBe(false);
    expect(verdict.retryAfterMs).toBeGreaterThan(55_000);
    expect(verdict.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('allow again when the time has really passed', async () => {
    const { url } = await startOwnRedis();
    const limits = await connect({ url });
    const hit = { key: 'real', rule: { limit: 1, windowMs: 200 } };
    await limits.hit(hit);
    const refused = await limits.hit(hit);

    const allowed = await waitFor(async () => (await limits.hit(hit)).isAllowed);

    expect(refused.isAllowed).toBe(false);
    expect(allowed).toBe(true);
  });

  it('ask the server once for all that is charged in one turn, however many windows each request has', async () => {
    const { url, port } = await startOwnRedis();
    const limits = await connect({ url });
    const request = ['key', 'owner'].map((key) => ({ key, rule: perMinute }));
    // It does not know the script before.
    await limits.hitAll(request);
    await ask(port, 'CONFIG RESETSTAT');

    await Promise.all(Array.from({ length: 16 }, () => limits.hitAll(request)));

    const told = await ask(port, 'INFO commandstats');
    expect(/cmdstat_evalsha:calls=(\d+)/.exec(told)?.[1]).toBe('1');
  });

  it('give a lock to one of 50 that ask at once', async () => {
    const { url } = await startOwnRedis();
    const replicas = [await connect({ url }), await connect({ url })];

    const asked = Array.from({ length: 25 }, () => replicas.map((limits) => limits.acquire('lock', 10_000)));
    const tokens = await Promise.all(asked.flat());

    expect(tokens.filter((token) => token !== undefined)).toHaveLength(1);
  });

  it('leave nothing in the server once windows and locks have ended', async () => {
    const { url, port } = await startOwnRedis();
    const limits = await connect({ url });
    await limits.hitAll([
      { key: 'a', rule: { limit: 1, windowMs: 100 } },
      { key: 'b', rule: { limit: 1, windowMs: 150 }, cost: 0 },
    ]);
    await limits.acquire('c', 100);

    await waitFor(async () => (await ask(port, 'DBSIZE')) === ':0');
  });

  it('keep all keys of a deployment under one hash tag', async () => {
    const { url, port } = await startOwnRedis();
    const limits = await connect({ url, keyPrefix: 'blue' });

    await limits.hit({ key: 'user{1}', rule: perMinute });

    expect(await ask(port, 'EXISTS {blue}:window:60000:user{1}')).toBe(':1');
  });

  it('keep deployments with different prefixes apart', async () => {
    const { url } = await startOwnRedis();
    const blue = await connect({ url, keyPrefix: 'blue' });
    const green = await connect({ url, keyPrefix: 'green' });
    const hit = { key: 'same', rule: { limit: 1, windowMs: 60_000 } };

    await blue.hit(hit);

    expect((await green.hit(hit)).isAllowed).toBe(true);
  });
});

describe('limits when Redis fails', () => {
  it('reject at once while it is away and count again by themselves when it is back', async () => {
    const server = await startOwnRedis();
    // It does not wait for the server: its time-out is longer than this test may last.
    const limits = await connect({ url: server.url, timeoutMs: 600_000 });
    const hit = { key: 'restart', rule: perMinute };
    await limits.hit(hit);

    await server.kill();
    await waitFor(async () => (await failureOf(limits.ping())).code === 'unavailable');
    const failures = await Promise.all(Array.from({ length: 100 }, () => failureOf(limits.hit(hit))));
    await server.restart();
    const verdict = await waitFor(() => limits.hit(hit), { timeoutMs: 10_000 });

    expect(new Set(failures.map((error) => error.code))).toEqual(new Set(['unavailable']));
    // The server keeps nothing: the window starts over, and none of the rejected hits was kept back for it.
    expect(verdict.remaining).toBe(49);
  });

  it('reject after the time-out while it stands still, and count again when it goes on', async () => {
    const server = await startOwnRedis();
    const limits = await connect({ url: server.url, timeoutMs: 200 });
    await server.pause();

    const error = await failureOf(limits.hit({ key: 'still', rule: perMinute }));
    await server.resume();
    await waitFor(() => limits.hit({ key: 'still', rule: perMinute }), { timeoutMs: 10_000 });

    expect(error).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
  });

  it('give up a link that is cut in silence, so that later hits do not wait for it', async () => {
    const server = await startOwnRedis();
    const proxy = await createTcpProxy(server);
    closers.push(() => proxy.close());
    const url = `redis://127.0.0.1:${proxy.port}`;
    const limits = await connect({ url, timeoutMs: 100, connectTimeoutMs: 300 });
    const hit = { key: 'cut', rule: perMinute };
    await limits.hit(hit);

    proxy.blackhole();
    await failureOf(limits.hit(hit));
    const quick = await waitFor(async () => {
      const startedAt = performance.now();
      await failureOf(limits.hit(hit));
      return performance.now() - startedAt < 50;
    });
    proxy.restore();
    const verdict = await waitFor(() => limits.hit(hit), { timeoutMs: 10_000 });

    expect(quick).toBe(true);
    expect(verdict.isAllowed).toBe(true);
  });

  it('come back after a reset connection', async () => {
    const server = await startOwnRedis();
    const proxy = await createTcpProxy(server);
    closers.push(() => proxy.close());
    const limits = await connect({ url: `redis://127.0.0.1:${proxy.port}` });

    proxy.reset();

    const verdict = await waitFor(() => limits.hit({ key: 'reset', rule: perMinute }));
    expect(verdict.isAllowed).toBe(true);
  });

  it('go on when the server has forgotten the scripts', async () => {
    const server = await startOwnRedis();
    const limits = await connect({ url: server.url });
    await limits.hit({ key: 'scripts', rule: perMinute });

    await ask(server.port, 'SCRIPT FLUSH');
    const verdict = await limits.hit({ key: 'scripts', rule: perMinute });

    expect(verdict.remaining).toBe(48);
  });

  it('say which server does not take the first connection, and no password', async () => {
    const port = await freePort();

    const error = await failureOf(connectRedisLimits({ url: `redis://me:hunter2@127.0.0.1:${port}` }));

    expect(error.code).toBe('unavailable');
    expect(error.message).toBe(`Redis at 127.0.0.1:${port} cannot be reached: no connection.`);
  });

  it('say that the credentials are refused', async () => {
    const server = await startOwnRedis();
    await ask(server.port, 'CONFIG SET requirepass right');

    const error = await failureOf(connectRedisLimits({ url: `redis://:wrong@127.0.0.1:${server.port}` }));

    expect(error.message).toContain('it refuses the credentials');
    expect(JSON.stringify(error.toEnvelope())).not.toContain('wrong');
  });

  it('reject everything once closed', async () => {
    const server = await startOwnRedis();
    const limits = await connect({ url: server.url });

    await limits.close();

    expect((await failureOf(limits.ping())).code).toBe('unavailable');
  });
});

describe('a window with a million entries in Redis', () => {
  const windowMs = 3_600_000;
  const start = 1_764_000_000_000;

  /** One entry for each millisecond, as a million hits would leave them. */
  async function fill(port: number): Promise<void> {
    const push = `redis.call('RPUSH',KEYS[1],string.format('%.0f:1:%.0f',${start}+i,i))`;
    await ask(port, `EVAL "for i=1,1000000 do ${push} end" 1 {inferry}:window:${windowMs}:huge`, 30_000);
    // What takes longer than 50 ms is written down: a script that walks the list takes seconds.
    await ask(port, 'CONFIG SET slowlog-log-slower-than 50000');
    await ask(port, 'SLOWLOG RESET');
  }

  it('is judged by a lower limit in no time, and right', async () => {
    const { url, port } = await startOwnRedis();
    await fill(port);
    const limits = await connect({ url, now: () => start + 1_000_000 });
    const judge = (limit: number) => limits.hit({ key: 'huge', rule: { limit, windowMs } });

    const verdicts = [await judge(1), await judge(500_000), await judge(1_000_000), await judge(1_000_001)];

    expect(verdicts.map(({ isAllowed }) => isAllowed)).toEqual([false, false, false, true]);
    // The entry that has to leave first is the millionth, the half-millionth and one more, the first.
    expect(verdicts.map(({ retryAfterMs }) => retryAfterMs)).toEqual([
      windowMs,
      windowMs - 499_999,
      windowMs - 999_999,
      0,
    ]);
    expect(await ask(port, 'SLOWLOG LEN')).toBe(':0');
  });

  it('forgets what is over in one step, however much that is', async () => {
    const { url, port } = await startOwnRedis();
    await fill(port);
    const limits = await connect({ url, now: () => start + 999_990 + windowMs });

    const verdict = await limits.hit({ key: 'huge', rule: { limit: 20, windowMs } });

    expect(verdict).toMatchObject({ isAllowed: true, remaining: 9 });
    expect(await ask(port, `LLEN {inferry}:window:${windowMs}:huge`)).toBe(':11');
    expect(await ask(port, 'SLOWLOG LEN')).toBe(':0');
  });
});

async function failureOf(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw new Error(`expected an AppError, got ${String(error)}`);
}

/** One inline command, one line of answer. */
async function ask(port: number, command: string, timeoutMs = 2_000): Promise<string> {
  const socket = dial(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(timeoutMs) });
  socket.destroy();
  return String(answer).trim();
}
