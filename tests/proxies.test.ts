/** The examples of what stands in front: real programs take them, and they hold nothing back and send nothing twice. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, frontCertificate, type LocalServer, requireBinary, startFront } from '@inferry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, 'deploy/proxies', file), 'utf8');

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inferry-proxies-'));
  writeFileSync(join(folder, 'cert.pem'), frontCertificate.cert);
  writeFileSync(join(folder, 'key.pem'), frontCertificate.key);
  writeFileSync(join(folder, 'both.pem'), `${frontCertificate.cert}\n${frontCertificate.key}\n`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The example, with the certificate of the tests and a port that anybody may open. */
function place(file: string, port: number): string {
  const placed = join(folder, file);
  writeFileSync(
    placed,
    read(file)
      .replaceAll('/etc/ssl/inferry', folder)
      .replace(/(listen |bind :)443/, `$1${port}`),
  );
  return placed;
}

it('are taken by nginx, Caddy and HAProxy', async () => {
  const [nginx, caddy, haproxy] = [
    await requireBinary('nginx'),
    await requireBinary('caddy'),
    await requireBinary('haproxy'),
  ];

  const port = await freePort();
  const pid = `pid ${folder}/nginx.pid; error_log stderr;`;
  const checked = await run(nginx, ['-t', '-p', folder, '-c', place('nginx.conf', port), '-g', pid]);
  expect(checked.stderr).toContain('test is successful');
  const env = { ...process.env, HOME: folder };
  await run(caddy, ['validate', '--config', place('Caddyfile', port), '--adapter', 'caddyfile'], { env });
  await run(haproxy, ['-c', '-f', place('haproxy.cfg', port)]);
}, 300_000);

it('wait longer than the longest call, and let events pass', () => {
  const longest = Number(
    /^MAX_WAIT_SECONDS=(\d+)/m.exec(readFileSync(join(root, '.env.example'), 'utf8'))?.[1],
  );

  for (const file of ['nginx.conf', 'Caddyfile', 'haproxy.cfg', 'traefik.yaml']) {
    const seconds = [...read(file).matchAll(/\b(\d+)s\b/g)].map(([, text]) => Number(text));
    expect([file, Math.max(...seconds)]).toEqual([file, longest + 60]);
  }
  expect(read('nginx.conf')).toMatch(/proxy_buffering off;[\s\S]*proxy_next_upstream off;[\s\S]*gzip off;/);
  expect(read('Caddyfile')).toContain('flush_interval -1');
  expect(read('Caddyfile')).not.toMatch(/^\s*encode\b/m);
  expect(read('haproxy.cfg').match(/^ {2}retry-on .*$/gm)).toEqual(['  retry-on conn-failure']);
  expect(parse(read('traefik.yaml')).http.services.inferry.loadBalancer).not.toHaveProperty('sticky');
});

/** Each example as it stands, but for the host, the ports and the certificate, and what keeps the program within its folder. */
const placed = {
  nginx: (config: string, port: number, data: string) => {
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const temporary = folders.map((name) => `${name}_temp_path ${data}/${name};`).join(' ');
    const head = `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${data}/nginx.pid;`;
    return `${head}\n${config
      .replace('listen 443', `listen 127.0.0.1:${port}`)
      .replace('http {', `http { access_log off; ${temporary}`)}`;
  },
  caddy: (config: string, port: number, data: string) =>
    `{\n admin off\n auto_https disable_redirects\n skip_install_trust\n storage file_system ${data}/caddy\n}\n${config.replace(
      'mcp.example.com {',
      `https://localhost:${port} {\n bind 127.0.0.1\n tls ${data}/cert.pem ${data}/key.pem`,
    )}`,
  haproxy: (config: string, port: number) => config.replace('bind :443', `bind 127.0.0.1:${port}`),
};
const files = { nginx: 'nginx.conf', caddy: 'Caddyfile', haproxy: 'haproxy.cfg' } as const;
const kinds = ['nginx', 'caddy', 'haproxy'] as const;

describe.each(kinds)('%s with its example', (kind) => {
  let behind: Server;
  let front: LocalServer;
  let sendMore = () => undefined as unknown;
  const seen: IncomingMessage[] = [];
  beforeAll(async () => {
    behind = createServer((incoming, outgoing) => {
      seen.push(incoming);
      if (incoming.url === '/broken') return void incoming.socket.destroy();
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
      outgoing.write('data: 1\n\n');
      sendMore = () => outgoing.end('data: 2\n\n');
    }).listen(0, '127.0.0.1');
    await once(behind, 'listening');
    const address = behind.address();
    const upstream = typeof address === 'object' && address !== null ? address.port : 0;
    front = await startFront(kind, {
      path: '',
      config: ({ port, data }) =>
        placed[kind](
          read(files[kind])
            .replaceAll('/etc/ssl/inferry', data)
            .replaceAll('127.0.0.1:8080', `127.0.0.1:${upstream}`),
          port,
          data,
        ),
    });
  }, 300_000);
  afterAll(async () => {
    behind.closeAllConnections();
    behind.close();
    await front.stop();
  });

  async function post(path: string, headers: RequestOptions['headers'] = {}): Promise<IncomingMessage> {
    const options = { host: 'localhost', port: front.port, path, method: 'POST', headers };
    const sent = request({ ...options, ca: frontCertificate.cert });
    sent.end('{}');
    const [answer]: IncomingMessage[] = await once(sent, 'response');
    if (answer === undefined) throw new Error('there is no answer');
    return answer;
  }

  it('passes an event on before there is another, unpacked, over TLS, and says where the client really is', async () => {
    const headers = { 'accept-encoding': 'gzip', 'x-forwarded-for': '198.51.100.7' };
    const answer = await post('/mcp', headers);

    const [first] = await once(answer, 'data');
    sendMore();
    const [second] = await once(answer, 'data');

    expect([String(first), String(second)]).toEqual(['data: 1\n\n', 'data: 2\n\n']);
    expect(answer.headers).not.toHaveProperty('content-encoding');
    expect(seen.at(-1)?.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
    });
  });

  it('sends a call once, also when whoever took it breaks off', async () => {
    const answer = await post('/broken').catch(() => undefined);
    answer?.resume();

    // HAProxy closes the connection where the one behind had been used before: whoever asked knows whether it may be sent again.
    expect([502, undefined]).toContain(answer?.statusCode);
    expect(seen.filter(({ url }) => url === '/broken')).toHaveLength(1);
  });
});
