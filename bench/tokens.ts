import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Bus, createBus } from '@inferry/bus';
import { connectNats } from '@inferry/bus/nats';
import { grantRevoked, readJwks, readRevocations } from '@inferry/contracts';
import { type Authentication, openAuthentication } from '@inferry/mcp-gateway/authentication';
import { startNats, waitFor } from '@inferry/testing';
import { exportJWK, SignJWT } from 'jose';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

const issuer = 'https://ai.example.com';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const replicaCount = 2;

/** What an access token costs at the gateway, and how soon a revocation reaches every replica over real NATS. */
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
    await serveAuth(auth);
    const replicas: Authentication[] = [];
    for (let index = 0; index < replicaCount; index += 1)
      replicas.push(await openReplica(await newBus('mcp-gateway')));
    const [first] = replicas;
    if (first === undefined) throw new Error('no replica');
    const costs = await measureCosts(first, isQuick ? 200 : 1_000);
    const revoked = await measureRevocations({ auth, replicas, count: isQuick ? 100 : 500 });
    for (const replica of replicas) replica.close();
    return {
      figures: { ...costs, revocation: revoked },
      lines: [
        `first call with a token (ES256 verified): ${costs.firstMicros} µs of processor time`,
        `every later call: ${costs.laterMicros} µs of processor time (aim: under 5)`,
        `revocation until the slower of ${replicaCount} replicas refuses, ${revoked.count} grants: ` +
          `p50 ${revoked.p50} ms, p95 ${revoked.p95} ms, p99 ${revoked.p99} ms, max ${revoked.max} ms (aim: p99 under 1000)`,
      ],
    };
  } finally {
    await Promise.all(open.map((bus) => bus.close()));
    await nats.stop();
  }
}

async function serveAuth(auth: Bus): Promise<void> {
  const key = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  auth.serve(readJwks, async () => ({ issuer, audiences: [`${issuer}/mcp`], keys: [key] }));
  auth.serve(readRevocations, async () => ({ items: [], latest: 0 }));
}

async function openReplica(bus: Bus): Promise<Authentication> {
  const authentication = openAuthentication(
    {
      ...{ auth: 'oauth', publicUrl: issuer, maxStaleMs: 0 },
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
    for (const request of requests) await authenticate(request);
  });
  const rounds = 200;
  const later = await cpuMicros(async () => {
    for (let i = 0; i < rounds; i += 1) for (const request of requests) authenticate(request);
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
}): Promise<{ count: number; p50: number; p95: number; p99: number; max: number }> {
  const { auth, replicas, count } = bench;
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const grantId = `revoke-${index}`;
    const request = requestWith(await newToken(grantId));
    await Promise.all(replicas.map(({ authenticate }) => authenticate(request)));
    const startedAt = performance.now();
    auth.publish(grantRevoked, { seq: index + 1, grant_id: grantId });
    while (!replicas.every(({ authenticate }) => isRefused(authenticate(request))))
      await new Promise((resolve) => setImmediate(resolve));
    times.push(performance.now() - startedAt);
  }
  const at = (share: number): number => round(percentile(times, share));
  return { count, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

function isRefused(outcome: unknown): boolean {
  return typeof outcome === 'object' && outcome !== null && 'isRefusal' in outcome;
}
