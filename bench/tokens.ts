import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bus, createBus } from '@inferry/bus';
import { connectNats } from '@inferry/bus/nats';
import { grantRevoked, readJwks, readRevocations } from '@inferry/contracts';
import { type Authentication, openAuthentication } from '@inferry/mcp-gateway/authentication';
import { type LocalServer, startNats, waitFor } from '@inferry/testing';
import { exportJWK, SignJWT } from 'jose';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

const issuer = 'https://ai.example.com';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const replicaCount = 2;
/** The staleness bound while NATS is down (`MAX_REVOCATION_STALENESS_SECONDS`). */
const maxStaleMs = 3_000;

interface Revocation {
  seq: number;
  grant_id: string;
}

interface Distribution {
  count: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** What an access token costs at the gateway, and how soon a revocation reaches every replica: over NATS, and without. */
export async function tokens({ isQuick }: BenchOptions): Promise<BenchResult> {
  const nats = await startNats();
  const open: Bus[] = [];
  const newBus = async (name: string): Promise<Bus> => {
    const bus = createBus(await connectNats({ url: nats.url, name }), { name });
    open.push(bus);
    return bus;
  };
  try {
    const auth = await newBus('auth');
    const revocations: Revocation[] = [];
    await serveAuth(auth, revocations);
    const replicas: Authentication[] = [];
    for (let index = 0; index < replicaCount; index += 1)
      replicas.push(await openReplica(await newBus('mcp-gateway')));
    const [first] = replicas;
    if (first === undefined) throw new Error('no replica');
    const costs = await measureCosts(first, isQuick ? 200 : 1_000);
    const revoked = await measureRevocations({ auth, replicas, count: isQuick ? 100 : 500 });
    const outages = await measureOutages({ nats, replicas, revocations, rounds: isQuick ? 2 : 8 });
    for (const replica of replicas) replica.close();
    return {
      figures: { ...costs, revocation: revoked, revocation_without_nats: outages },
      lines: [
        `first call with a token (ES256 verified): ${costs.firstMicros} µs of processor time`,
        `every later call: ${costs.laterMicros} µs of processor time (aim: under 5)`,
        `revocation until the slower of ${replicaCount} replicas refuses, ${revoked.count} grants: ` +
          `${toLine(revoked)} (aim: p99 under 1000)`,
        `the same while NATS is down, ${outages.refused.count} grants, bound ${maxStaleMs} ms: ` +
          `${toLine(outages.refused)} (aim: none later than the bound and 50 ms to notice)`,
        `until they know it again once NATS is back, ${outages.known.count} times: ${toLine(outages.known)}`,
      ],
    };
  } finally {
    await Promise.all(open.map((bus) => bus.close()));
    await nats.stop();
  }
}

async function serveAuth(auth: Bus, revocations: readonly Revocation[]): Promise<void> {
  const key = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  auth.serve(readJwks, async () => ({ issuer, audiences: [`${issuer}/mcp`], keys: [key] }));
  auth.serve(readRevocations, async ({ after }) => ({
    items: revocations.filter(({ seq }) => seq > after),
    latest: revocations.at(-1)?.seq ?? 0,
  }));
}

async function openReplica(bus: Bus): Promise<Authentication> {
  const authentication = await openAuthentication(
    {
      ...{ auth: 'oauth', publicUrl: issuer, maxStaleMs, profileHosts: [] },
      keyPrefixes: { accepted: [], refused: [] },
      serverInfo: { name: 'inferry', title: 'Inferry', version: '0' },
    },
    { bus, log: { warn: () => undefined }, onRevoked: () => undefined },
  );
  const isReady = () => Object.values(authentication.problems()).every((problem) => problem === undefined);
  await waitFor(isReady, { what: 'a replica to be ready', timeoutMs: 10_000 });
  return authentication;
}

function newToken(grantId: string): Promise<string> {
  return new SignJWT({ client_id: 'bench', gid: grantId, scope: 'mcp' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })
    .setIssuer(issuer)
    .setAudience(`${issuer}/mcp`)
    .setSubject('acct_bench')
    .setIssuedAt()
    .setExpirationTime('15m')
    .sign(pair.privateKey);
}

function requestWith(token: string): IncomingMessage {
  // as: nothing but its headers is looked at.
  return { headers: { authorization: `Bearer ${token}` } } as IncomingMessage;
}

async function measureCosts(
  { authenticate }: Authentication,
  count: number,
): Promise<{ firstMicros: number; laterMicros: number }> {
  const requests = await Promise.all(
    Array.from({ length: count }, async (_, index) => requestWith(await newToken(`cost-${index}`))),
  );
  const first = await cpuMicros(async () => {
    for (const request of requests) await authenticate?.(request);
  });
  const rounds = 200;
  const later = await cpuMicros(async () => {
    for (let i = 0; i < rounds; i += 1) for (const request of requests) authenticate?.(request);
  });
  return { firstMicros: round(first / count), laterMicros: round(later / (count * rounds)) };
}

/** Processor time, so that what else the machine does is no part of it. */
async function cpuMicros(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function measureRevocations(bench: {
  auth: Bus;
  replicas: readonly Authentication[];
  count: number;
}): Promise<Distribution> {
  const { auth, replicas, count } = bench;
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const grantId = `revoke-${index}`;
    const request = requestWith(await newToken(grantId));
    await Promise.all(replicas.map(({ authenticate }) => authenticate?.(request)));
    const startedAt = performance.now();
    auth.publish(grantRevoked, { seq: index + 1, grant_id: grantId });
    while (!replicas.every(({ authenticate }) => isRefused(authenticate?.(request))))
      await new Promise((resolve) => setImmediate(resolve));
    times.push(performance.now() - startedAt);
  }
  return toDistribution(times);
}

/**
 * Grants that are revoked while NATS is down, one every 20 ms of the bound: until every replica refuses the token
 * (because it can no longer know), and, once NATS is back, until every replica has the revocations.
 */
async function measureOutages(bench: {
  nats: LocalServer;
  replicas: readonly Authentication[];
  revocations: Revocation[];
  rounds: number;
}): Promise<{ refused: Distribution; known: Distribution }> {
  const { nats, replicas, revocations, rounds } = bench;
  const refused: number[] = [];
  const known: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const tokens = await Promise.all(
      Array.from({ length: maxStaleMs / 20 }, async (_, index) => newToken(`outage-${round}-${index}`)),
    );
    const requests = tokens.map(requestWith);
    for (const request of requests)
      await Promise.all(replicas.map(({ authenticate }) => authenticate?.(request)));
    const isRefusedBy = (request: IncomingMessage, status: number): boolean =>
      replicas.every(({ authenticate }) => isRefused(authenticate?.(request), status));
    await nats.kill();
    await Promise.all(
      requests.map(async (request, index) => {
        await delay(index * 20);
        const startedAt = performance.now();
        revocations.push({ seq: 1_000_000 + revocations.length, grant_id: `outage-${round}-${index}` });
        while (!isRefusedBy(request, 503)) await delay(2);
        refused.push(performance.now() - startedAt);
      }),
    );
    await nats.restart();
    const backAt = performance.now();
    while (!requests.every((request) => isRefusedBy(request, 401))) await delay(2);
    known.push(performance.now() - backAt);
  }
  return { refused: toDistribution(refused), known: toDistribution(known) };
}

function toDistribution(times: readonly number[]): Distribution {
  const at = (share: number): number => round(percentile(times, share));
  return { count: times.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

function toLine({ p50, p95, p99, max }: Distribution): string {
  return `p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, max ${max} ms`;
}

function isRefused(outcome: unknown, status = 401): boolean {
  return (
    typeof outcome === 'object' &&
    outcome !== null &&
    'isRefusal' in outcome &&
    'status' in outcome &&
    outcome.status === status
  );
}
