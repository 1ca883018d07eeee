/** deploy/update.sh, with a `docker` that writes down what it is asked for: what comes first, and what ends it. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const script = join(import.meta.dirname, '../deploy/update.sh');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inferry-update-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Every service has two containers, and NATS one; `failing` is a part of the command that does not succeed. */
async function update(services: string[], failing = ''): Promise<{ asked: string[]; code: number }> {
  const log = join(folder, 'log');
  writeFileSync(log, '');
  const docker = join(folder, 'docker');
  writeFileSync(
    docker,
    `#!/bin/sh
echo "$*" >> '${log}'
case "$*" in *'${failing || 'nothing fails'}'*) exit 1 ;; esac
case "$*" in 'compose ps -q nats') echo nats-1 ;; 'compose ps -q '*) echo old-1; echo old-2 ;; esac
`,
  );
  chmodSync(docker, 0o755);
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, SETTLE_SECONDS: '0' };
  const code = await run(script, services, { env }).then(
    () => 0,
    () => 1,
  );
  const asked = readFileSync(log, 'utf8').trim().split('\n');
  return { asked: asked.filter((line) => !line.includes(' ps -q ')), code };
}

describe('deploy/update.sh', () => {
  it('has NATS read what services may do before any of them, and replaces new beside old', async () => {
    const { asked, code } = await update(['auth', 'catalog']);

    expect(code).toBe(0);
    expect(asked).toEqual([
      'compose up -d --no-deps --wait nats',
      'compose kill -s HUP nats',
      ...['auth', 'catalog'].flatMap((service) => [
        `compose up -d --no-deps --no-recreate --scale ${service}=4 --wait ${service}`,
        'stop -t 55 old-1 old-2',
        'rm old-1 old-2',
      ]),
    ]);
  });

  it('lets the old replicas serve on when new ones are not ready', async () => {
    const { asked, code } = await update(['auth', 'catalog'], '--scale auth=4');

    expect(code).toBe(1);
    expect(asked.filter((line) => line.startsWith('stop') || line.includes('catalog'))).toEqual([]);
  });
});
