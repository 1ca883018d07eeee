import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getModel, publicPrincipal, searchModels } from '@inferry/contracts';
import { afterEach, describe, expect, it, test } from 'vitest';
import { post, rpc, startTestGateway, type TestGateway, type TestGatewayOptions } from '../test-gateway.ts';

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

const open: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway & { origin: string }> {
  const gateway = await startTestGateway(options);
  open.push(gateway);
  return { ...gateway, origin: gateway.url.slice(0, -'/mcp'.length) };
}

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers: { accept: browser, ...headers } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** A request as it is written; `fetch` writes no Host but the address's. */
async function raw(gateway: TestGateway, request: string): Promise<string> {
  const socket = createConnection({ port: gateway.port, host: '127.0.0.1' });
  socket.end(request.replaceAll('\n', '\r\n'));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Answers for one model of each of these platforms, whoever asks; tells who asked. */
function withModels(providers: readonly string[], callers: string[] = []): TestGatewayOptions {
  const summaryOf = (provider: string) => ({
    model: `${provider}/owner/a model:1`,
    provider,
    title: `[Model] of ${provider}\u202E`,
    summary: 'Makes\npictures.',
    kind: 'model',
  });
  return {
    serve(services) {
      services.serve(searchModels, async ({ provider }, { principal }) => {
        callers.push(principal.subject);
        const wanted = providers.filter((slug) => provider === undefined || slug === provider);
        return { items: wanted.map(summaryOf), page: { total: wanted.length } };
      });
      services.serve(getModel, async ({ model }, { principal }) => {
        callers.push(principal.subject);
        const [provider = ''] = model.split('/');
        return {
          model: { ...summaryOf(provider), model },
          inputs: [{ name: 'prompt', type: 'string', required: true }],
          schema: { type: 'object', properties: { prompt: { type: 'string' } } },
        };
      });
    },
  };
}

describe('the quick-connect page', () => {
  it.each(['/', '/mcp', '/mcp/', '/mcp/x/discover'])('is what a browser finds at %s', async (path) => {
    const { origin } = await start();

    const { status, headers, text } = await get(origin + path);

    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).toContain(`<code id="address">${origin}/mcp</code>`);
    for (const label of ['Claude Code', 'Cursor', 'Visual Studio Code', 'Codex', 'Windsurf', 'LM Studio'])
      expect(text).toContain(label);
  });

  it.each([
    ['a stream', 'text/event-stream', 405],
    ['both that MCP has', 'application/json, text/event-stream', 405],
    ['a browser’s types and a stream', `${browser}, text/event-stream`, 405],
    ['anything', '*/*', 405],
    ['JSON rather than HTML', 'application/json, text/html;q=0.5', 405],
    ['HTML that is not wanted', 'text/html;q=0, */*', 405],
    ['nonsense', 'text/html;q=nonsense;;,', 405],
    ['nothing', '', 405],
    ['HTML in upper case', 'TEXT/HTML', 200],
    ['XHTML', 'application/xhtml+xml', 200],
  ])('whoever asks for %s is answered as before', async (_name, accept, status) => {
    const gateway = await start();

    expect((await get(`${gateway.origin}/`, { accept })).status).toBe(status);
  });

  it('leaves POST at the same address to MCP, whatever it accepts', async () => {
    const { origin } = await start();

    const { status, json } = await post(`${origin}/`, rpc('ping'), {
      accept: `application/json, ${browser}`,
    });

    expect([status, json.result]).toEqual([200, {}]);
  });

  it('is there for each mount that is served, in its own name and brand', async () => {
    const { origin } = await start({
      env: { PROFILES: 'runware', PROFILE_BRANDS: '{"runware":{"name":"Acme Media","color":"#0a7f5a"}}' },
    });

    const page = await get(`${origin}/mcp/runware`);
    const other = await get(`${origin}/mcp/runflow`);
    const own = await get(`${origin}/`);

    expect(page.text).toContain('Connect your client to Runware');
    expect(page.text).toContain('<span>Acme Media</span>');
    expect(page.text).toContain(`${origin}/mcp/runware</code>`);
    expect(page.text).toContain(`href="${origin}/"`);
    expect(own.text).toContain(`href="${origin}/mcp/runware"`);
    expect(own.text).not.toContain(`href="${origin}/mcp/runflow"`);
    expect(other.status).toBe(404);
    expect(other.text).toContain('There is no server called “runflow” here');
  });

  it('runs and loads nothing but what it was made of, and can be kept by nobody else', async () => {
    const { origin } = await start({ env: { BRAND_LOGO: 'https://cdn.example/logo.png' } });

    const { headers, text } = await get(`${origin}/`);
    const policy = headers.get('content-security-policy') ?? '';

    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; img-src data: https:\/\/cdn\.example; base-uri 'none'; frame-ancestors 'none'; form-action 'none'$/,
    );
    expect(text).not.toMatch(/ style="| on[a-z]+="|<script src|<link rel="stylesheet/);
    expect(headers.get('vary')).toContain('Accept');
  });

  it('says of each deployment what its clients send', async () => {
    const keys = await start({ env: { INFERRY_AUTH: 'keys' } });
    const people = await start({ env: { INFERRY_AUTH: 'oauth', PUBLIC_URL: 'https://ai.example.com/ai' } });

    const withKey = await get(`${keys.origin}/`);
    const withSignIn = await get(`${people.origin}/`);

    expect(withKey.text).toContain('Bearer YOUR_KEY');
    expect(withSignIn.text).not.toContain('YOUR_KEY');
    expect(withSignIn.text).toContain('https://ai.example.com/ai/mcp</code>');
    expect(withSignIn.text).toContain('href="https://ai.example.com/ai/account"');
    expect(withSignIn.text).toContain('https://claude.ai/customize/connectors?');
  });

  it('is shown as text, whatever names an operator chose', async () => {
    const { origin } = await start({
      env: { SERVER_TITLE: '"><script>alert(1)</script>\u202E', BRAND_NAME: '<b>', PROFILES: 'runware' },
    });

    const { text } = await get(`${origin}/`);

    expect(text).not.toContain('<script>alert');
    expect(text).not.toContain('\u202E');
    expect(text).toContain('&lt;b&gt;');
  });

  it('has the same head for HEAD, without a body, and is not sent twice to whoever has it', async () => {
    const { origin } = await start();
    const whole = await get(`${origin}/`);

    const head = await fetch(`${origin}/`, { method: 'HEAD', headers: { accept: browser } });
    const again = await get(`${origin}/`, { 'if-none-match': whole.headers.get('etag') ?? '' });

    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('etag')).toBe(whole.headers.get('etag'));
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it('is switched off with the rest of what is public', async () => {
    const { origin } = await start({ env: { PUBLIC_PAGES: '0' } });

    const statuses = ['/', '/mcp', '/llms.txt', '/mcp/server-card', '/.well-known/ai-catalog.json'].map(
      async (path) => (await get(origin + path)).status,
    );

    expect(await Promise.all(statuses)).toEqual([405, 405, 404, 404, 404]);
  });
});

describe('addresses in what is public', () => {
  const publicPaths = [
    '/',
    '/llms.txt',
    '/llms-full.txt',
    '/mcp/server-card',
    '/.well-known/ai-catalog.json',
  ];

  it.each(publicPaths)('%s is for Hosts that are served alone', async (path) => {
    const gateway = await start();
    const head = `GET ${path} HTTP/1.1\nAccept: text/html\nConnection: close\n`;

    const hostile = await raw(gateway, `${head}Host: evil.example\n\n`);
    const twice = await raw(gateway, `${head}Host: 127.0.0.1:${gateway.port}\nHost: evil.example\n\n`);
    const old = await raw(gateway, `GET ${path} HTTP/1.0\nAccept: text/html\n\n`);
    const told = await raw(
      gateway,
      `${head}Host: 127.0.0.1:${gateway.port}\nX-Forwarded-Host: evil.example\nX-Forwarded-Proto: https\n\n`,
    );

    expect(hostile).toMatch(/^HTTP\/1\.1 403 [\s\S]*host_rejected/);
    expect(twice).toMatch(/^HTTP\/1\.1 400 /);
    expect(old).toMatch(/^HTTP\/1\.1 403 /);
    expect(told).toMatch(/^HTTP\/1\.1 200 /);
    expect([hostile, twice, old, told].join('')).not.toContain('evil.example');
    expect(told).not.toContain(`https://127.0.0.1:${gateway.port}`);
  });

  it('of the resource itself are for Hosts that are served alone', async () => {
    const gateway = await start({ env: { INFERRY_AUTH: 'keys', PROFILES: 'runflow' } });
    const ask = (host: string) =>
      raw(
        gateway,
        `GET /.well-known/oauth-protected-resource/mcp/runflow HTTP/1.1\nHost: ${host}\nConnection: close\n\n`,
      );

    const hostile = await ask('evil.example');

    expect(hostile).toMatch(/^HTTP\/1\.1 403 [\s\S]*host_rejected/);
    expect(hostile).not.toContain('evil.example');
    expect(await ask(`127.0.0.1:${gateway.port}`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('begin with the public URL, whoever asks by whichever inner name', async () => {
    const { origin } = await start({ env: { PUBLIC_URL: 'https://ai.example.com/ai' } });

    const card = JSON.parse((await get(`${origin}/mcp/server-card`)).text);
    const catalog = JSON.parse((await get(`${origin}/.well-known/ai-catalog.json`)).text);
    const { text } = await get(`${origin}/llms.txt`);

    expect(card.remotes[0].url).toBe('https://ai.example.com/ai/mcp');
    expect(card.name).toBe('com.example.ai/inferry');
    expect(catalog.entries[0].url).toBe('https://ai.example.com/ai/mcp/server-card');
    expect(text).toContain('https://ai.example.com/ai/llms-full.txt');
    expect(text).not.toContain(origin);
  });

  it('are those of a profile at a host of its own, and of no other one', async () => {
    const gateway = await start({
      env: { PROFILE_HOSTS: 'mcp.example.com=runware', PROFILES: 'runware,runflow' },
    });
    const ask = (path: string) =>
      raw(gateway, `GET ${path} HTTP/1.1\nHost: mcp.example.com\nAccept: text/html\nConnection: close\n\n`);

    expect(await ask('/')).toContain('http://mcp.example.com/mcp</code>');
    expect(await ask('/')).not.toContain('Runflow');
    expect(await ask('/llms.txt')).toContain('# Runware');
    expect(await ask('/mcp/server-card')).toContain('"url": "http://mcp.example.com/mcp"');
    expect(await ask('/.well-known/ai-catalog.json')).toContain('urn:air:mcp.example.com:mcp:runware');
  });

  it('are secure where a proxy that is believed says that it is', async () => {
    const env = { TRUSTED_PROXIES: '127.0.0.1', MCP_ALLOWED_HOSTS: 'ai.example.com' };
    const gateway = await start({ env });

    const told = await raw(
      gateway,
      'GET /mcp/server-card HTTP/1.1\nHost: ai.example.com\nX-Forwarded-Proto: https\nConnection: close\n\n',
    );

    expect(told).toContain('"url": "https://ai.example.com/mcp"');
  });
});

describe('cards', () => {
  it('say what a mount is and speaks, to pages of every site', async () => {
    const { origin } = await start({ env: { PROFILES: 'runware', INFERRY_AUTH: 'keys' } });
    const elsewhere = { origin: 'https://elsewhere.example', accept: 'application/mcp-server-card+json' };

    const { status, headers, text } = await get(`${origin}/mcp/runware/server-card`, elsewhere);
    const card = JSON.parse(text);

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/mcp-server-card+json');
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('cache-control')).toBe('public, max-age=3600');
    expect(card).toMatchObject({ name: 'localhost/runware', title: 'Runware' });
    expect(card.remotes).toMatchObject([{ type: 'streamable-http', url: `${origin}/mcp/runware` }]);
    expect(card.remotes[0].supportedProtocolVersions).toContain('2026-07-28');
    expect(card.remotes[0].headers[0]).toMatchObject({ name: 'Authorization', isSecret: true });
    expect(card).not.toHaveProperty('tools');
  });

  it('agree with what the server says of itself', async () => {
    const gateway = await start({ env: { PROFILES: 'runware' } });
    const begin = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    };

    const card = JSON.parse((await get(`${gateway.origin}/mcp/runware/server-card`)).text);
    const { json } = await post(`${gateway.origin}/mcp/runware`, rpc('initialize', begin));

    expect([card.title, card.version]).toEqual([
      json.result.serverInfo.title,
      json.result.serverInfo.version,
    ]);
  });

  it('are all in the catalog of their host', async () => {
    const { origin } = await start({ env: { PROFILES: 'runware,runflow' } });

    const { headers, text } = await get(`${origin}/.well-known/ai-catalog.json`);
    const { specVersion, entries } = JSON.parse(text);

    expect(headers.get('content-type')).toBe('application/ai-catalog+json');
    expect(specVersion).toBe('1.0');
    expect(entries.map(({ url }: { url: string }) => url)).toEqual(
      ['/mcp', '/mcp/runflow', '/mcp/runware'].map((path) => `${origin}${path}/server-card`),
    );
    for (const { url, type } of entries) {
      expect(type).toBe('application/mcp-server-card+json');
      expect((await get(url)).status).toBe(200);
    }
  });

  it('are not there for mounts that are not', async () => {
    const { origin } = await start({ env: { PROFILES: 'runware' } });

    const statuses = ['runflow', 'nope', 'a'.repeat(41), 'RUNWARE', 'server-card'].map(
      async (key) => (await get(`${origin}/mcp/${key}/server-card`)).status,
    );

    expect(await Promise.all(statuses)).toEqual([404, 404, 404, 404, 404]);
  });
});

describe('texts for agents', () => {
  it('name the server, its tools and the models, each with an address that answers [RF-07]', async () => {
    const { origin } = await start(withModels(['fal']));

    const { headers, text } = await get(`${origin}/llms.txt`);
    const [, address = ''] = /\[Model of fal\]\((.*?)\)/.exec(text) ?? [];
    const model = await get(address);

    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(text).toMatch(/^# Inferry\n\n> /);
    expect(text).toContain('- `run_model`: ');
    expect(address).toBe(`${origin}/models/fal/owner/a%20model%3A1/llms.txt`);
    expect(model.status).toBe(200);
    expect(model.text).toMatch(/^# \[Model\] of fal\n\n> Makes pictures\.\n/);
    expect(model.text).toContain('Call run_model(model="fal/owner/a model:1") with this input:');
    expect(model.text).toContain('- `prompt` (string; required)');
  });

  it('of a mount are in its own words and about its own platform', async () => {
    const { origin } = await start({ ...withModels(['fal', 'runflow']), env: { PROFILES: 'runflow' } });

    const list = await get(`${origin}/mcp/runflow/llms.txt`);
    const model = await get(`${origin}/mcp/runflow/models/owner/a%20model:1/llms.txt`);

    expect(list.text).toContain(`(${origin}/mcp/runflow/models/owner/a%20model%3A1/llms.txt)`);
    expect(list.text).not.toContain('fal');
    expect(model.text).toContain('Call generate(model="owner/a model:1")');
  });

  it('have the schema of every tool in the full text', async () => {
    const { origin } = await start();

    const { text } = await get(`${origin}/llms-full.txt`);

    expect(text.match(/^### /gm)).toHaveLength(11);
    expect(text).toContain('"client_ref"');
  });

  it('ask as nobody in particular, once for all who come at the same time', async () => {
    const callers: string[] = [];
    const { origin } = await start(withModels(['fal'], callers));

    await Promise.all([1, 2, 3].map(() => get(`${origin}/llms.txt`)));
    await get(`${origin}/llms.txt`);

    expect(callers).toEqual([publicPrincipal.subject]);
  });

  it('tell strangers of platforms that are public anyway, and of others where the operator says so', async () => {
    const told = async (env: Record<string, string>) => {
      const { origin } = await start({ ...withModels(['comfyui', 'runware']), env });
      const { text } = await get(`${origin}/llms.txt`);
      const statuses = ['comfyui', 'runware'].map(
        async (provider) => (await get(`${origin}/models/${provider}/x/llms.txt`)).status,
      );
      return [text.includes('comfyui'), text.includes('runware/owner'), ...(await Promise.all(statuses))];
    };

    expect(await told({ INFERRY_AUTH: 'keys' })).toEqual([false, true, 404, 200]);
    expect(await told({ INFERRY_AUTH: 'keys', PUBLIC_MODELS: 'comfyui' })).toEqual([true, false, 200, 404]);
    expect(await told({ INFERRY_AUTH: 'keys', PUBLIC_MODELS: 'none' })).toEqual([false, false, 404, 404]);
    expect(await told({ INFERRY_AUTH: 'none' })).toEqual([true, true, 200, 200]);
  });

  test.each([
    ['no id', ''],
    ['another file', 'fal/x/robots.txt'],
    ['a long id', `fal/${'x'.repeat(400)}/llms.txt`],
    ['a control character', 'fal/%00/llms.txt'],
    ['a path that climbs', '..%2f..%2fetc%2fpasswd'],
  ])('there is none of a model with %s', async (_name, path) => {
    const { origin } = await start(withModels(['fal']));

    expect((await get(`${origin}/models/${path}`)).status).toBe(404);
  });

  it('keep what an operator’s file says to those who may come in', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'profiles-'));
    writeFileSync(
      join(folder, 'studio.yaml'),
      'title: Studio\ninstructions: Paint as the secret guide says.\ntools:\n  search_models: { name: hidden_lookup }\n',
    );
    const told = async (auth: string) => {
      const { origin } = await start({ env: { INFERRY_AUTH: auth, PROFILES_FOLDER: folder } });
      const texts = ['/mcp/studio', '/mcp/studio/llms.txt', '/mcp/studio/llms-full.txt'].map(
        async (path) => (await get(origin + path)).text,
      );
      const whole = (await Promise.all(texts)).join('');
      return ['Studio', 'hidden_lookup', 'secret guide'].map((word) => whole.includes(word));
    };

    try {
      expect(await told('keys')).toEqual([true, false, false]);
      expect(await told('none')).toEqual([true, true, true]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('tell nobody of a wrapper that is in no list, although who knows its name may run it', async () => {
    const listed = { model: 'ada/shown', kind: 'wrapper', provider: 'local' };
    const { origin } = await start({
      serve(services) {
        services.serve(searchModels, async () => ({ items: [listed], page: { total: 1 } }));
        services.serve(getModel, async ({ model }) => ({ model: { ...listed, model } }));
      },
    });

    expect((await get(`${origin}/models/ada/shown/llms.txt`)).status).toBe(200);
    expect((await get(`${origin}/models/ada/hidden/llms.txt`)).status).toBe(404);
  });

  it('are not asked for by more than a few at once: the rest come again', async () => {
    const { promise: held, resolve: finish } = Promise.withResolvers<void>();
    const { origin } = await start({
      serve(services) {
        services.serve(getModel, async ({ model }) => {
          await held;
          return { model: { model, provider: 'fal' } };
        });
      },
    });

    const refused: string[] = [];
    const answers = Array.from({ length: 20 }, async (_, at) => {
      const { status, headers } = await get(`${origin}/models/fal/m${at}/llms.txt`);
      if (status === 503) refused.push(headers.get('retry-after') ?? '');
      return status;
    });
    await expect.poll(() => refused).toEqual(Array.from({ length: 12 }, () => '2'));
    finish();

    expect((await Promise.all(answers)).filter((status) => status === 200)).toHaveLength(8);
    expect((await get(`${origin}/models/fal/m19/llms.txt`)).status).toBe(200);
  });

  it('are there without models while the catalog is away, and a model’s is asked for again later', async () => {
    const { origin } = await start();

    const list = await get(`${origin}/llms.txt`);
    const model = await get(`${origin}/models/fal/x/llms.txt`);

    expect(list.status).toBe(200);
    expect([model.status, model.headers.get('retry-after')]).toEqual([503, '2']);
  });
});
