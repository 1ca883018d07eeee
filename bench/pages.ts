import { TestBrowser } from '@inferry/auth/oauth-testing';
import { createLocalAccount, openSignIn, type SignInUnderTest, seedRuns } from '@inferry/auth/testing';
import { createInferenceService } from '@inferry/inference-poller';
import { createInProcessLimits } from '@inferry/limits';
import { createLogger } from '@inferry/runtime';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

const runCount = 10_000;
const password = 'correct horse battery';

const pages = {
  health: '/healthz',
  overview: '/account',
  runs: '/account/runs',
  run: '/account/runs/run_000001',
  // Found in none of them: the dearest that a search can be.
  search: '/account/runs?text=nowhere',
  costs: '/account/costs?days=30',
  operator: '/account/operator',
} as const;
type Name = keyof typeof pages;

/** Time until the first byte of each page of an account with 10,000 runs, one after the other, beside the health page. */
export async function measurePages({ isQuick }: BenchOptions): Promise<BenchResult> {
  const system = await openSignIn({ env: { OPERATORS: 'ada' } });
  const { subject } = await createLocalAccount(system.database, { userName: 'ada', password });
  await seedRuns(system.database, { subject, count: runCount, now: Date.now() });
  const { bus, database } = system;
  const log = createLogger({ service: 'bench', replica: 'bench', level: 'fatal', fd: 2 });
  const inference = await createInferenceService(
    { bus, database, limits: createInProcessLimits(), log, replica: 'bench' },
    { providers: [] },
  );
  try {
    const cookie = await signIn(system);
    const times = await measure(system, { cookie, rounds: isQuick ? 30 : 200 });
    return toResult(times);
  } finally {
    await inference.close();
    await system.close();
  }
}

async function signIn({ url }: SignInUnderTest): Promise<string> {
  const browser = new TestBrowser(url);
  const form = await browser.open('/account');
  await browser.submit(form, { driver: 'local', user_name: 'ada', password });
  return [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
}

/** By turns, so that what the machine does meanwhile meets all of them. */
async function measure(
  { url }: SignInUnderTest,
  { cookie, rounds }: { cookie: string; rounds: number },
): Promise<Map<Name, number[]>> {
  // as: the names of the record above.
  const names = Object.keys(pages) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let turn = -3; turn < rounds; turn += 1) {
    for (const name of names) {
      const startedAt = performance.now();
      const answer = await fetch(`${url}${pages[name]}`, { headers: { cookie } });
      const reader = answer.body?.getReader();
      await reader?.read();
      const took = performance.now() - startedAt;
      while (reader !== undefined && !(await reader.read()).done);
      if (answer.status !== 200) throw new Error(`${pages[name]} was answered ${answer.status}`);
      if (turn >= 0) times.get(name)?.push(took);
    }
  }
  return times;
}

function toResult(times: ReadonlyMap<Name, readonly number[]>): BenchResult {
  const figures = Object.fromEntries(
    [...times].map(([name, values]) => [
      name,
      { p50_ms: round(percentile(values, 0.5)), p99_ms: round(percentile(values, 0.99)) },
    ]),
  );
  return {
    figures: { runs: runCount, ...figures },
    lines: Object.entries(figures).map(
      ([name, { p50_ms: p50, p99_ms: p99 }]) => `${name}: first byte after ${p50} ms, p99 ${p99} ms`,
    ),
  };
}
