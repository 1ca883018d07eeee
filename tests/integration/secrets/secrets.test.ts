import { createKey } from '@inferry/auth';
import {
  authorizeUrl,
  codeForm,
  nextOf,
  pkce,
  post,
  refreshForm,
  register,
  TestBrowser,
} from '@inferry/auth/oauth-testing';
import { type Cluster, startCluster } from '@inferry/cli';
import { openDatabase } from '@inferry/database';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { callTool, errorOf, runOf } from '../support/mcp-http.ts';
import { type KeyedPlatform, startKeyedPlatform } from './keyed-platform.ts';
import { dumpDatabase, recordBus, recordTelemetry } from './record-everything.ts';

const adaKey = 'kp_ada_4f1d9a7c3b5e8d2f6a0c';
const bobKey = 'rf_live_bob_7c2e9d4b1f8a6053';
const envKey = 'kp_env_1b7d3f9a5c2e8064d7ba';

let platform: KeyedPlatform;
let telemetry: Awaited<ReturnType<typeof recordTelemetry>>;
let bus: Awaited<ReturnType<typeof recordBus>>;
let cluster: Cluster;
const logs: string[] = [];
const answers: string[] = [];

beforeAll(async () => {
  platform = await startKeyedPlatform();
  platform.keys.set(adaKey, 'ada').set(bobKey, 'bob').set(envKey, 'env');
  telemetry = await recordTelemetry();
  cluster = await startCluster({
    replicas: 2,
    port: 0,
    auth: 'oauth',
    env: {
      PATH: process.env.PATH,
      INFERRY_EXTRA_PROVIDERS: `${import.meta.dirname}/keyed-provider.ts`,
      KEYED_PLATFORM_URL: platform.url,
      KEYED_API_KEY: envKey,
      AUTH_DRIVERS: 'apikey',
      MCP_ACCEPTED_KEY_PREFIXES: 'rf_live_=keyed',
      LOG_LEVEL: 'trace',
      OTEL_EXPORTER_OTLP_ENDPOINT: telemetry.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
      OTEL_METRIC_EXPORT_TIMEOUT: '400',
    },
    onLine: (_prefix, line) => logs.push(line),
  });
  await cluster.ready(90_000);
  bus = await recordBus(String(cluster.env.NATS_URL));
}, 180_000);

afterAll(async () => {
  bus?.close();
  await cluster?.stop();
  telemetry?.close();
  platform?.close();
}, 60_000);

interface Connected {
  secrets: string[];
  accessToken: string;
  refreshToken: string;
  clientId: string;
}

/** A whole sign-in with a provider's key, as a browser and a client do it. */
async function connect(key: string): Promise<Connected> {
  const clientId = await register(cluster.url, { client_name: 'Tester' });
  const { verifier, challenge } = pkce();
  const browser = new TestBrowser(cluster.url);
  const consent = await browser.open(
    authorizeUrl(cluster.url, { client_id: clientId, code_challenge: challenge, scope: 'mcp' }),
  );
  const scope = ['models:read', 'runs:read', 'runs:write', 'account:read'];
  const signIn = await browser.submit(consent, { decision: 'allow', scope });
  const end = await browser.submit(signIn, { driver: 'apikey', provider: 'keyed', key });
  const code = nextOf(end).searchParams.get('code') ?? '';
  const { status, body } = await post(`${cluster.url}/oauth/token`, codeForm(clientId, code, verifier));
  if (status !== 200) throw new Error(`no tokens: ${status} ${JSON.stringify(body)} ${end.html}`);
  const { access_token: accessToken, refresh_token: refreshToken } = body;
  return { secrets: [code, verifier, accessToken, refreshToken], accessToken, refreshToken, clientId };
}

async function run(key: string, text: string): Promise<ReturnType<typeof callTool>> {
  const args = { model: 'keyed/echo', input: { text }, wait_seconds: 20 };
  const outcome = await callTool(cluster.url, { tool: 'run_model', args, timeoutMs: 30_000, key });
  answers.push(JSON.stringify(outcome));
  return outcome;
}

async function apiKey(subject: string): Promise<string> {
  const database = openDatabase({ url: String(cluster.env.DATABASE_URL) });
  const { key } = await createKey(database, { name: subject, subject, scopes: ['mcp'] });
  await database.close();
  return key.reveal();
}

describe('a deployment where people sign in with their keys', () => {
  it('runs with the caller’s own key, however they came in, and shows no secret anywhere [RF-04][RW-14][RW-15]', async () => {
    const ada = await connect(adaKey);
    const carol = await apiKey('carol');

    const signedIn = await run(ada.accessToken, 'of ada');
    const brought = await run(bobKey, 'of bob');
    const shared = await run(carol, 'of carol');
    const refreshed = await post(`${cluster.url}/oauth/token`, refreshForm(ada.clientId, ada.refreshToken));
    const account = await callTool(cluster.url, {
      ...{ tool: 'get_account', args: {}, timeoutMs: 20_000, key: ada.accessToken },
    });

    expect([signedIn, brought, shared].map((one) => runOf(one)?.status)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
    ]);
    expect(platform.submittedWith).toEqual(['ada', 'bob', 'env']);
    expect(account.structured.balance).toMatchObject([{ provider: 'keyed', amount: 12.5 }]);
    await vi.waitFor(() => expect(telemetry.bodies.join('')).toContain('run_model'), {
      timeout: 20_000,
      interval: 200,
    });

    const secrets = [
      ...[adaKey, bobKey, envKey, carol, ...ada.secrets],
      ...[String(refreshed.body.access_token), String(refreshed.body.refresh_token)],
      ...[String(cluster.env.INFERRY_SECRET), String(cluster.env.AUTH_KEKS).slice(3)],
    ];
    const places = {
      logs: logs.join('\n'),
      telemetry: telemetry.bodies.join('\n'),
      bus: bus.bytes,
      database: await dumpDatabase(String(cluster.env.DATABASE_URL)),
      answers: [...answers, JSON.stringify(account)].join('\n'),
    };
    // What is searched is there at all.
    expect(places.bus).toContain('run_model');
    expect(places.database).toContain('keyed/echo');
    expect(places.database).toContain('conn_');
    expect(places.logs.length).toBeGreaterThan(0);
    for (const [place, text] of Object.entries(places)) {
      const found = secrets.filter((secret) => forms(secret).some((form) => text.includes(form)));
      expect({ place, found: found.map((secret) => secret.slice(0, 12)) }).toEqual({ place, found: [] });
    }
  });

  it('sends its platform keys and never an access token (confused deputy)', async () => {
    const ada = await connect(adaKey);

    await run(ada.accessToken, 'again');

    const heard = platform.received.join('\n');
    expect(heard).toContain(adaKey);
    for (const secret of ada.secrets) expect(heard).not.toContain(secret);
  });

  it('ends the access that rests on a key when its platform refuses it [X9][RW-45]', async () => {
    const dying = 'kp_dying_2c8e4a6d0f1b3957';
    platform.keys.set(dying, 'dying');
    const { accessToken, refreshToken, clientId } = await connect(dying);
    await run(accessToken, 'while it lives');

    platform.keys.delete(dying);
    const failure = await run(accessToken, 'dead');

    expect(errorOf(failure)?.code).toBe('unauthorized');
    await vi.waitFor(async () => expect((await run(accessToken, 'dead')).status).toBe(401), {
      timeout: 15_000,
      interval: 300,
    });
    const refreshed = await post(`${cluster.url}/oauth/token`, refreshForm(clientId, refreshToken));
    expect(refreshed.body.error).toBe('invalid_grant');
  });
});

/** As it is, and as it looks inside other texts. */
function forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')];
}
