import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPublicAgent, type Lookup } from './public-agent.ts';

const names: Record<string, string> = {
  'files.example.com': '93.184.216.34',
  'wiki.example.com': '10.0.0.7',
};
const lookup: Lookup = (hostname, callback) => {
  const address = names[hostname];
  if (address === undefined) callback(new Error(`getaddrinfo ENOTFOUND ${hostname}`), []);
  else callback(null, [{ address, family: 4 }]);
};

let proxy: Server;
let proxyUrl: string;
let passed: string[];

beforeEach(async () => {
  passed = [];
  proxy = createServer((incoming, response) => {
    passed.push(incoming.url ?? '');
    response.end('through the proxy');
  });
  proxy.on('connect', (incoming, socket) => {
    passed.push(`CONNECT ${incoming.url}`);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  proxyUrl = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});
afterEach(() => {
  proxy.closeAllConnections();
  proxy.close();
});

async function read(url: string, env: Record<string, string> = { HTTP_PROXY: proxyUrl }): Promise<string> {
  const dispatcher = createPublicAgent({ policy: { lookup }, timeoutMs: 2_000, env });
  try {
    const { body } = await request(url, { dispatcher, signal: AbortSignal.timeout(60_000) });
    return await body.text();
  } finally {
    await dispatcher.destroy();
  }
}

describe('behind a proxy', () => {
  it('a public file is read through it', async () => {
    expect(await read('http://files.example.com/a.png')).toBe('through the proxy');
    expect(passed).toEqual(['http://files.example.com/a.png']);
  });

  it('https is tunnelled through it, and through the one for http where there is no other', async () => {
    await expect(read('https://files.example.com/a.png')).rejects.toThrow();
    await expect(read('https://files.example.com/a.png', { https_proxy: proxyUrl })).rejects.toThrow();

    expect(passed).toEqual(['CONNECT files.example.com:443', 'CONNECT files.example.com:443']);
  });

  it('names are resolved that this machine does not know', async () => {
    expect(await read('http://known-to-the-proxy.example.com/')).toBe('through the proxy');
  });

  it.each(['http://wiki.example.com/secret', 'http://169.254.169.254/latest', 'http://[::1]/'])(
    'it is not asked for what is private: %s',
    async (url) => {
      await expect(read(url)).rejects.toMatchObject({ code: 'url_rejected' });
      expect(passed).toEqual([]);
    },
  );

  it('hosts that need none are connected to, if they are public', async () => {
    const env = { HTTP_PROXY: proxyUrl, NO_PROXY: 'wiki.example.com,known-to-the-proxy.example.com' };

    await expect(read('http://wiki.example.com/', env)).rejects.toMatchObject({ code: 'url_rejected' });
    await expect(read('http://known-to-the-proxy.example.com/', env)).rejects.toThrow(/ENOTFOUND/);
    expect(passed).toEqual([]);
  });
});

it('without a proxy a private name is refused at connect', async () => {
  await expect(read('http://wiki.example.com/', {})).rejects.toMatchObject({ code: 'url_rejected' });
});
