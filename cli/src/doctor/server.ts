/** A started system, asked as a client asks: reachable, of which version, its clock, its mounts, sign-in and providers. */
import { connect, type PeerCertificate } from 'node:tls';
import {
  Client,
  SdkHttpError,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';
import { type Finding, fault, ok, reasonOf, unknown, warning } from './finding.ts';

const patienceMs = 10_000;
const clockSlackMs = 30_000;
const dayMs = 86_400_000;
const soonDays = 14;

export interface ServerCheck {
  url: string;
  key: string | undefined;
  /** Of this command line. */
  version: string;
  now(): number;
}

/** Every mount that the server tells of, or the one that was named. */
export async function checkServer(check: ServerCheck): Promise<Finding[]> {
  const reached = await reach(check);
  if ('about' in reached) return [reached];
  const findings = [...checkClock(reached.date, check.now()), ...(await checkCertificate(check))];
  return [...findings, ...(await checkMount(check))];
}

async function reach({ url }: ServerCheck): Promise<{ date: string | null } | Finding> {
  try {
    const response = await fetch(new URL('/readyz', url), {
      signal: AbortSignal.timeout(patienceMs),
      redirect: 'manual',
    });
    const text = (await response.text()).slice(0, 500);
    if (response.status === 503) {
      return fault(
        'server',
        `${url} is there and not ready: ${text.replace(/\s+/g, ' ')}`,
        'See what it waits for; it goes on by itself when that is back.',
      );
    }
    return { date: response.headers.get('date') };
  } catch (error) {
    return fault(
      'server',
      `${url} does not answer: ${reasonOf(error)}`,
      'Start it (npm start), or give its address with --url.',
    );
  }
}

export function checkClock(date: string | null, now: number): Finding[] {
  const theirs = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs)) return [];
  const apart = now - theirs;
  if (Math.abs(apart) <= clockSlackMs) return [ok('clock', 'this machine and the server agree')];
  const seconds = Math.round(Math.abs(apart) / 1_000);
  return [
    warning(
      'clock',
      `this machine is ${seconds} s ${apart > 0 ? 'ahead of' : 'behind'} the server`,
      'Set both by NTP: tokens and signatures live by the clock.',
    ),
  ];
}

async function checkCertificate({ url, now }: ServerCheck): Promise<Finding[]> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') return [];
  try {
    const certificate = await readCertificate(hostname, Number(port) || 443);
    return [certificateFinding(Date.parse(certificate.valid_to), now())];
  } catch (error) {
    return [
      fault('certificate', reasonOf(error), 'Renew it, or trust its authority with NODE_EXTRA_CA_CERTS.'),
    ];
  }
}

export function certificateFinding(validTo: number, now: number): Finding {
  const days = Math.floor((validTo - now) / dayMs);
  if (days < 0) return fault('certificate', `it expired ${-days} days ago`, 'Renew it.');
  if (days < soonDays) return warning('certificate', `it expires in ${days} days`, 'Renew it.');
  return ok('certificate', `good for ${days} days`);
}

async function readCertificate(host: string, port: number): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername: host, timeout: patienceMs }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
  });
}

async function checkMount({ url, key, version }: ServerCheck): Promise<Finding[]> {
  const client = new Client({ name: 'inferry-doctor', version });
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  const findings: Finding[] = [];
  try {
    await client.connect(transport, { timeout: patienceMs });
    const theirs = client.getServerVersion();
    findings.push(ok('mount', `${url}: ${theirs?.title ?? theirs?.name ?? 'a server'} answers`));
    findings.push(versionFinding(theirs?.version, version));
    const { tools } = await client.listTools(undefined, { timeout: patienceMs });
    findings.push(
      tools.length > 0
        ? ok('tools', `${tools.length} tools are listed`)
        : fault(
            'tools',
            'no tool is listed',
            'The key has no scope that opens one: see npm run keys -- list.',
          ),
    );
    if (tools.some(({ name }) => name === 'get_account')) findings.push(...(await checkProviders(client)));
  } catch (error) {
    findings.push(...(await refusalFindings(error, { url, hasKey: key !== undefined })));
  } finally {
    await client.close().catch(() => undefined);
  }
  return findings;
}

function versionFinding(theirs: string | undefined, ours: string): Finding {
  if (theirs === undefined) return unknown('version', 'the server does not tell its version');
  if (theirs === ours) return ok('version', theirs);
  return warning(
    'version',
    `the server is ${theirs}, this command ${ours}`,
    `Use the same: npx inferry@${theirs}.`,
  );
}

async function refusalFindings(
  error: unknown,
  { url, hasKey }: { url: string; hasKey: boolean },
): Promise<Finding[]> {
  if (!isUnauthorized(error)) {
    return [
      fault(
        'mount',
        `${url}: ${reasonOf(error)}`,
        'Is this the address of an MCP server? It usually ends in /mcp.',
      ),
    ];
  }
  if (hasKey) return [fault('key', 'the key in INFERRY_KEY is refused', 'Make one: npm run keys -- create.')];
  return [await signInFinding(url)];
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof UnauthorizedError || (error instanceof SdkHttpError && error.status === 401);
}

/** RFC 9728: where a client that has no token is sent. */
async function signInFinding(url: string): Promise<Finding> {
  const { origin, pathname } = new URL(url);
  const path = pathname === '/' ? '' : pathname;
  try {
    const response = await fetch(`${origin}/.well-known/oauth-protected-resource${path}`, {
      signal: AbortSignal.timeout(patienceMs),
    });
    if (response.status === 404) return ok('sign-in', 'a key is needed: set INFERRY_KEY to look further');
    const metadata = (await response.json()) as { resource?: unknown; authorization_servers?: unknown[] };
    const [server] = metadata.authorization_servers ?? [];
    if (server === undefined) return ok('sign-in', 'a key is needed: set INFERRY_KEY to look further');
    if (!isSameResource(metadata.resource, url)) {
      return fault(
        'sign-in',
        `the server calls itself ${String(metadata.resource)}`,
        'Set PUBLIC_URL to the address that clients use.',
      );
    }
    const issuer = await fetch(`${new URL(String(server)).origin}/.well-known/oauth-authorization-server`, {
      signal: AbortSignal.timeout(patienceMs),
    });
    if (!issuer.ok)
      return fault(
        'sign-in',
        `${String(server)} has no metadata (${issuer.status})`,
        'Look at the auth service.',
      );
    return ok('sign-in', `clients sign in at ${String(server)}; set INFERRY_KEY to look further`);
  } catch (error) {
    return fault('sign-in', reasonOf(error), 'Look at the auth service, and at PUBLIC_URL.');
  }
}

function isSameResource(resource: unknown, url: string): boolean {
  const given = typeof resource === 'string' ? URL.parse(resource) : null;
  return given !== null && given.href.replace(/\/$/, '') === new URL(url).href.replace(/\/$/, '');
}

/** As `get_account` tells them. */
interface ProviderRow {
  slug: string;
  connected?: boolean;
  key_ok?: boolean;
}

async function checkProviders(client: Client): Promise<Finding[]> {
  const result = await client.callTool(
    { name: 'get_account', arguments: { sections: ['providers'] } },
    { timeout: patienceMs },
  );
  const { providers = [] } = (result.structuredContent ?? {}) as { providers?: ProviderRow[] };
  return providers.map((row) => providerFinding(row));
}

export function providerFinding({ slug, connected, key_ok: isGood }: ProviderRow): Finding {
  const about = `provider ${slug}`;
  if (connected === false) {
    return warning(
      about,
      'no key',
      `Give it one: npm run connections -- add --provider ${slug}, or its variable in .env.`,
    );
  }
  if (isGood === false) {
    return fault(
      about,
      'its key is refused, or it cannot be reached',
      'Test it: npm run connections -- test.',
    );
  }
  if (connected === undefined) return unknown(about, 'it could not be asked');
  return ok(about, isGood === true ? 'its key works' : 'connected; whether its key works was not asked');
}
