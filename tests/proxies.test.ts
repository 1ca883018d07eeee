/** The examples of what stands in front: real programs take them, and they hold nothing back and send nothing twice. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, frontCertificate, requireBinary } from '@inferry/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
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
