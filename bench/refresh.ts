import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { register, tokensOf } from '@inferry/auth/oauth-testing';
import { startPostgres } from '@inferry/testing';
import { startNode, stop } from './processes.ts';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

const lanes = 32;

/** `/oauth/token` with a refresh token, on Postgres: one process answers, another asks. */
export async function refresh({ isQuick }: BenchOptions): Promise<BenchResult> {
  const postgres = await startPostgres();
  const { child, match } = await startNode([fileURLToPath(import.meta.resolve('./oauth/server.ts'))], {
    env: { DATABASE_URL: postgres.url },
    until: /^ready (\S+) (\S+) (\S+)$/,
  });
  const [, replica = '', issuer = '', floorUrl = ''] = match;
  try {
    const clientId = await register(issuer);
    const tokens: string[] = [];
    for (let lane = 0; lane < lanes; lane += 1) {
      const subject = `subject-${lane}`;
      tokens.push((await tokensOf(issuer, { clientId, subject })).refresh_token);
    }
    const refreshOnce = async (lane: number): Promise<void> => {
      const token = tokens[lane] ?? '';
      const body = `grant_type=refresh_token&client_id=${clientId}&refresh_token=${token}`;
      const answer: unknown = JSON.parse(await post(`${replica}/oauth/token`, body));
      if (typeof answer !== 'object' || answer === null || !('refresh_token' in answer))
        throw new Error(`not refreshed: ${JSON.stringify(answer)}`);
      tokens[lane] = String(answer.refresh_token);
    };
    const seconds = isQuick ? 3 : 6;
    const server = { seconds, cpuUrl: `${floorUrl}/cpu` };
    const floor = await measure(async () => void (await post(`${floorUrl}/floor`, '')), server);
    const own = await measure(refreshOnce, server);
    return {
      figures: { lanes, floor, refresh: own },
      lines: [
        line('refresh', own),
        line('floor (5 round trips to Postgres, one signature)', floor),
        'aim: 500 refreshes a second with Postgres and the load on the same two cores',
      ],
    };
  } finally {
    await stop(child);
    await postgres.stop();
  }
}

interface Figure {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Of the server's process; a busy machine changes it least. */
  cpuMs: number;
}

async function measure(
  once: (lane: number) => Promise<void>,
  { seconds, cpuUrl }: { seconds: number; cpuUrl: string },
): Promise<Figure> {
  await run(once, 1);
  const before = await cpuOf(cpuUrl);
  const times = await run(once, seconds);
  const cpuMicros = (await cpuOf(cpuUrl)) - before;
  return {
    perSecond: round(times.length / seconds, 0),
    p50Ms: round(percentile(times, 0.5), 1),
    p99Ms: round(percentile(times, 0.99), 1),
    cpuMs: round(cpuMicros / 1_000 / times.length),
  };
}

async function run(once: (lane: number) => Promise<void>, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const endsAt = performance.now() + seconds * 1_000;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      while (performance.now() < endsAt) {
        const startedAt = performance.now();
        await once(lane);
        times.push(performance.now() - startedAt);
      }
    }),
  );
  return times;
}

async function cpuOf(url: string): Promise<number> {
  const answer: unknown = await (await fetch(url)).json();
  return typeof answer === 'object' && answer !== null && 'micros' in answer
    ? Number(answer.micros)
    : Number.NaN;
}

const agent = new Agent({ keepAlive: true, maxSockets: lanes });

function post(url: string, body: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(body),
  };
  const sent = request(url, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => {
      if (response.statusCode === 200) resolve(text);
      else reject(new Error(`answered ${response.statusCode}: ${text}`));
    });
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

function line(name: string, { perSecond, p50Ms, p99Ms, cpuMs }: Figure): string {
  return `${name}: ${perSecond}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${cpuMs} ms of CPU each`;
}
