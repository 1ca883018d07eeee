/** `npm run smoke`: whether a deployment of Runpod's tools works, from outside: over HTTP, over stdio, by signing in, and by making things that cost nothing. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isObject } from '@inferry/contracts';
import { ConfigError, type Env } from '@inferry/runtime';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { z } from 'zod';

const usage =
  'npm run smoke -- http|oauth|crud --url https://mcp.example.com/mcp/runpod, or: npm run smoke -- stdio [--profile runpod]; ' +
  'INFERRY_KEY or RUNPOD_API_KEY is the key';
const signInMs = 300_000;

/** What failed, for a person. */
class SmokeError extends Error {
  override readonly name = 'SmokeError';
  /** Things that are still there. */
  readonly left: readonly string[];

  constructor(message: string, left: readonly string[] = []) {
    super(message);
    this.left = left;
  }
}

interface Session {
  tools: ReadonlySet<string>;
  /** The JSON that a tool answers; throws where it failed. */
  call(name: string, args: Record<string, unknown>): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** Ends with 0; with 1 where something does not work, and with 2 where something that was made is still there. */
export async function smoke(args: readonly string[], env: Env): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { url: { type: 'string' }, profile: { type: 'string' } },
  });
  const [way = '', ...more] = positionals;
  const { url = '', profile = 'runpod' } = values;
  const run = ways[way];
  if (run === undefined || more.length > 0 || (way !== 'stdio' && url === '')) throw new ConfigError([usage]);
  try {
    await run({ url, profile, key: env.INFERRY_KEY ?? env.RUNPOD_API_KEY, env });
    say('all of it works');
    return 0;
  } catch (error) {
    const left = error instanceof SmokeError ? error.left : [];
    say(`failed: ${error instanceof Error ? error.message : String(error)}`);
    for (const one of left) say(`STILL THERE, delete it by hand: ${one}`);
    return left.length > 0 ? 2 : 1;
  }
}

interface Asked {
  url: string;
  profile: string;
  key: string | undefined;
  env: Env;
}

const ways: Readonly<Record<string, (asked: Asked) => Promise<void>>> = {
  http: smokeHttp,
  stdio: smokeStdio,
  oauth: smokeOauth,
  crud: smokeCrud,
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function smokeHttp({ url, key }: Asked): Promise<void> {
  const session = await connect(url, key);
  try {
    await readThings(session);
  } finally {
    await session.close();
  }
}

async function smokeStdio({ profile, env }: Asked): Promise<void> {
  const source = fileURLToPath(new URL('../main.ts', import.meta.url));
  // In a package there are no sources: the program that runs is the one.
  const main = existsSync(source) ? source : (process.argv[1] ?? source);
  const set = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const client = await open(
    new StdioClientTransport({
      command: process.execPath,
      args: [main, 'stdio', '--profile', profile],
      env: Object.fromEntries(set),
      stderr: 'ignore',
    }),
  );
  try {
    await readThings(client);
  } finally {
    await client.close();
  }
}

/** A catalogue that anybody may read, and a list of the caller's own. */
async function readThings({ tools, call }: Session): Promise<void> {
  say(`tools/list: ${tools.size} tools`);
  const [open, own] = [
    ['list-hub-repos', 'list-public-endpoints'].find((name) => tools.has(name)),
    ['list-pods', 'list-templates', 'get_account'].find((name) => tools.has(name)),
  ];
  if (open === undefined && own === undefined) throw new SmokeError('no tool of Runpod is there');
  for (const name of [open, own]) {
    if (name === undefined) continue;
    await call(name, {});
    say(`${name}: answers`);
  }
}

/** As a client does it: documents, registration, a person's browser, tokens. */
async function smokeOauth({ url }: Asked): Promise<void> {
  const { authorization, token, registration, resource } = await discover(url);
  const { redirectUri, arrival, close } = await listen();
  try {
    const client = await postJson(registration, {
      client_name: 'smoke',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
    });
    const clientId = z.object({ client_id: z.string() }).parse(client).client_id;
    const verifier = randomBytes(32).toString('base64url');
    const state = randomBytes(16).toString('base64url');
    const ask = new URL(authorization);
    const query = {
      ...{ response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state, resource },
      ...{ scope: 'mcp infra', code_challenge_method: 'S256' },
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    };
    for (const [name, value] of Object.entries(query)) ask.searchParams.set(name, value);
    say(`open in a browser and approve: ${ask.href}`);
    const back = await arrival;
    if (back.searchParams.get('state') !== state) throw new SmokeError('another state came back');
    const code = back.searchParams.get('code');
    if (code === null) throw new SmokeError(`no code came back: ${back.searchParams.get('error') ?? ''}`);
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: clientId };
    const body = new URLSearchParams({ ...form, code_verifier: verifier, resource });
    const issued = await (await fetch(token, { method: 'POST', body })).json();
    const { access_token: bearer } = z.object({ access_token: z.string() }).parse(issued);
    say('token: given');
    await smokeHttp({ url, key: bearer, profile: '', env: {} });
    // Last: whoever sends a code twice ends what the first one gave.
    const again = await fetch(token, { method: 'POST', body });
    if (again.ok) throw new SmokeError('the code was taken twice');
    say('token: the code counts once');
  } finally {
    await close();
  }
}

const Protected = z.object({ resource: z.string(), authorization_servers: z.array(z.string()).min(1) });
const Server = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  registration_endpoint: z.string(),
  code_challenge_methods_supported: z.array(z.string()),
});

async function discover(url: string) {
  const refused = await fetch(url, { method: 'POST', headers: jsonHeaders, body: ping });
  const challenge = refused.headers.get('www-authenticate') ?? '';
  const document = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
  if (refused.status !== 401 || document === undefined)
    throw new SmokeError(`a call without a token is answered ${refused.status}, without where to sign in`);
  const { resource, authorization_servers: servers } = Protected.parse(await (await fetch(document)).json());
  say('protected resource: told');
  const issuer = new URL(servers[0] ?? '');
  const path = issuer.pathname === '/' ? '' : issuer.pathname;
  const metadata = await fetch(`${issuer.origin}/.well-known/oauth-authorization-server${path}`);
  const server = Server.parse(await metadata.json());
  if (!server.code_challenge_methods_supported.includes('S256')) throw new SmokeError('PKCE is not told of');
  say('authorization server: told');
  return {
    resource,
    authorization: server.authorization_endpoint,
    token: server.token_endpoint,
    registration: server.registration_endpoint,
  };
}

const jsonHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};
const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

async function postJson(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', headers: jsonHeaders, body: JSON.stringify(body) });
  if (!response.ok) throw new SmokeError(`${new URL(url).pathname} is answered ${response.status}`);
  return response.json();
}

/** A client's own address on this computer, and what comes to it. */
async function listen(): Promise<{ redirectUri: string; arrival: Promise<URL>; close(): Promise<void> }> {
  let arrive: (url: URL) => void = () => undefined;
  const arrival = new Promise<URL>((resolve, reject) => {
    arrive = resolve;
    setTimeout(() => reject(new SmokeError('nobody came back from the browser')), signInMs).unref();
  });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    response.end('Back in the terminal.');
    if (url.pathname === '/callback') arrive(url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { redirectUri: `http://127.0.0.1:${port}/callback`, arrival, close };
}

/** What is made here costs nothing; the names are those of either edition. */
interface Free {
  what: string;
  make: string;
  read: string;
  list: string;
  drop: string;
  /** As edition 3 and as edition 4 takes it. */
  args(name: string): [flat: Record<string, unknown>, body: Record<string, unknown>];
  id: string;
}

const image = 'busybox:latest';
const credential = { username: 'smoke', password: 'smoke' };
const free: readonly Free[] = [
  {
    ...{ what: 'template', id: 'templateId', list: 'list-templates' },
    ...{ make: 'create-template', read: 'get-template', drop: 'delete-template' },
    args: (name) => [
      { name, imageName: image },
      { name, image },
    ],
  },
  ...[
    ['container-registry-auth', 'containerRegistryAuthId', 'list-container-registry-auths'],
    ['registry', 'id', 'list-registries'],
  ].map(
    ([kind = '', id = '', list = '']): Free => ({
      ...{ what: 'registry credential', id, list },
      ...{ make: `create-${kind}`, read: `get-${kind}`, drop: `delete-${kind}` },
      args: (name) => [
        { name, ...credential },
        { name, ...credential },
      ],
    }),
  ),
];

async function smokeCrud({ url, key }: Asked): Promise<void> {
  const session = await connect(url, key);
  try {
    const able = free.filter(({ make, read, list, drop }) =>
      [make, read, list, drop].every((name) => session.tools.has(name)),
    );
    if (able.length === 0) throw new SmokeError('nothing that costs nothing can be made here');
    for (const one of able) await makeAndDrop(session, one);
  } finally {
    await session.close();
  }
}

/** Whatever happens after it may have been made, it is deleted; and what cannot be seen to be gone is told. */
async function makeAndDrop(session: Session, one: Free): Promise<void> {
  const name = `inferry-smoke-${randomBytes(6).toString('hex')}`;
  const isFourth = session.tools.has('pod-action');
  const [flat, body] = one.args(name);
  const idOf = (id: string) => ({ [isFourth ? 'id' : one.id]: id });
  let failure: unknown;
  let id = '';
  try {
    const made = await session.call(one.make, isFourth ? { body } : flat);
    id = String(made.id ?? '');
    say(`${one.make}: ${id}`);
    const found = await session.call(one.read, idOf(id));
    if (found.name !== name) throw new SmokeError(`${one.read} shows another one`);
    say(`${one.read}: it is there`);
  } catch (error) {
    failure = error;
  }
  const left = await drop(session, one, { name, id, idOf });
  if (left !== undefined) throw new SmokeError(`${one.drop} did not work`, [`${one.what} ${left}`]);
  if (failure !== undefined) throw failure;
  say(`${one.drop}: it is gone`);
}

/** What is left of it, if anything. */
async function drop(
  session: Session,
  one: Free,
  { name, id, idOf }: { name: string; id: string; idOf(id: string): Record<string, unknown> },
): Promise<string | undefined> {
  try {
    const named = await idsNamed(session, one, name);
    for (const each of new Set([...named, ...(id === '' ? [] : [id])]))
      await session.call(one.drop, idOf(each)).catch(() => undefined);
    const [left] = await idsNamed(session, one, name);
    return left;
  } catch {
    // The list cannot be read: nobody can say that it is gone.
    return id === '' ? `"${name}", if it was made` : id;
  }
}

async function idsNamed(session: Session, { list }: Free, name: string): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: unknown; ; ) {
    const args = session.tools.has('pod-action')
      ? {}
      : { limit: 100, ...(cursor !== undefined && { cursor }) };
    const answer = await session.call(list, args);
    const lists = Object.values(answer).filter(Array.isArray).flat().filter(isObject);
    found.push(...lists.filter((item) => item.name === name).map(({ id }) => String(id)));
    cursor = isObject(answer.pagination) ? (answer.pagination.nextCursor ?? undefined) : undefined;
    if (cursor === undefined) return found;
  }
}

function connect(url: string, key: string | undefined): Promise<Session> {
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  return open(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
}

async function open(transport: Parameters<Client['connect']>[0]): Promise<Session> {
  const client = new Client({ name: 'inferry-smoke', version: '1.0.0' });
  await client.connect(transport);
  say(
    `initialize: ${client.getServerVersion()?.name ?? 'a server'} ${client.getServerVersion()?.version ?? ''}`,
  );
  const { tools } = await client.listTools();
  return {
    tools: new Set(tools.map(({ name }) => name)),
    async call(name, args) {
      const { content, isError, structuredContent } = await client.callTool({ name, arguments: args });
      const [first] = content;
      const text = first?.type === 'text' ? first.text : '';
      if (isError === true) throw new SmokeError(`${name}: ${text.slice(0, 300)}`);
      const body: unknown = structuredContent ?? (text.startsWith('{') ? JSON.parse(text) : {});
      return isObject(body) ? body : {};
    },
    close: () => client.close(),
  };
}
