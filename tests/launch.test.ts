/** Commands of a fresh clone that start at the same moment: one installs, the others wait for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const scripts = join(import.meta.dirname, '..', 'scripts');
let clone: string;
const children: ChildProcess[] = [];

/** An npm that empties and fills node_modules slowly, and notes when two of it meet. */
const npm = `#!${process.execPath}
const fs = require('node:fs');
const { join } = require('node:path');
const root = process.cwd();
const busy = join(root, 'busy');
fs.appendFileSync(join(root, 'npm.log'), process.argv[2] + '\\n');
if (fs.existsSync(busy)) { fs.appendFileSync(join(root, 'npm.log'), 'met\\n'); process.exit(217); }
fs.writeFileSync(busy, '');
process.on('SIGTERM', () => { fs.rmSync(busy); process.exit(143); });
if (process.argv[2] === 'ci') fs.rmSync(join(root, 'node_modules'), { recursive: true, force: true });
fs.mkdirSync(join(root, 'node_modules', 'half'), { recursive: true });
setTimeout(() => { fs.rmSync(busy); if (fs.existsSync(join(root, 'fail'))) process.exit(1); }, Number(process.env.NPM_MS ?? 400));
`;

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'inferry-clone-'));
  for (const folder of ['scripts', 'cli/src', 'bin']) mkdirSync(join(clone, folder), { recursive: true });
  writeFileSync(join(clone, 'package.json'), '{"type":"module"}');
  writeFileSync(join(clone, 'package-lock.json'), '{}');
  for (const file of ['run.mjs', 'pinned-node.mjs'])
    copyFileSync(join(scripts, file), join(clone, 'scripts', file));
  writeFileSync(join(clone, 'scripts', 'test.ts'), 'console.log("ran test");');
  writeFileSync(join(clone, 'cli', 'src', 'main.ts'), 'console.log("ran", process.argv[2]);');
  writeFileSync(join(clone, 'bin', 'package.json'), '{"type":"commonjs"}');
  writeFileSync(join(clone, 'bin', 'npm'), npm);
  chmodSync(join(clone, 'bin', 'npm'), 0o755);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(clone, { recursive: true });
});

function start(
  command: string,
  env: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<string> } {
  const path = [join(clone, 'bin'), process.env.PATH].join(delimiter);
  const child = spawn(process.execPath, [join(clone, 'scripts', 'run.mjs'), command], {
    cwd: clone,
    env: { PATH: path, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
  return { child, ended: once(child, 'close').then(([code]) => `${code} ${text}`) };
}
const installations = () => readFileSync(join(clone, 'npm.log'), 'utf8').trim().split('\n');

it('installs once for start, demo and test together, and adds the tools of test beside what runs', async () => {
  const texts = await Promise.all(['start', 'demo', 'start', 'test'].map((command) => start(command).ended));

  expect(texts.map((text) => text.slice(0, 1))).toEqual(['0', '0', '0', '0']);
  for (const [index, name] of ['start', 'demo', 'start', 'test'].entries())
    expect(texts[index]).toContain(`ran ${name}`);
  expect(texts.join('\n')).toContain('Another command is installing; waiting for it');
  expect(installations()[0]).toBe('ci');
  expect(
    installations()
      .slice(1)
      .filter((line) => line !== 'install'),
  ).toEqual([]);
  expect(existsSync(join(clone, '.inferry-install.lock'))).toBe(false);
});

it('goes on after an installation that was killed half-way', async () => {
  const first = start('start', { NPM_MS: '1500' });
  await vi.waitFor(() => expect(existsSync(join(clone, 'busy'))).toBe(true), { timeout: 5_000 });
  first.child.kill('SIGKILL');
  await first.ended;
  await vi.waitFor(() => expect(existsSync(join(clone, 'busy'))).toBe(false), { timeout: 5_000 });

  const text = await start('start').ended;

  expect(text).toMatch(/^0 /);
  expect(text).toContain('ran start');
  expect(installations()).toEqual(['ci', 'ci']);
});

it('waits for an npm that goes on after its command was killed, so that no two of them meet', async () => {
  const first = start('start', { NPM_MS: '2500' });
  await vi.waitFor(() => expect(existsSync(join(clone, 'busy'))).toBe(true));
  first.child.kill('SIGKILL');
  await first.ended;

  const text = await start('start').ended;

  expect(text).toMatch(/^0 [\s\S]*waiting for it[\s\S]*ran start/);
  expect(installations()).toEqual(['ci', 'ci']);
});

it('ends its npm when it is told to end itself', async () => {
  const first = start('start', { NPM_MS: '600000' });
  await vi.waitFor(() => expect(existsSync(join(clone, 'busy'))).toBe(true));
  first.child.kill('SIGTERM');

  expect(await first.ended).toMatch(/^1 [\s\S]*The same command tries again/);
  expect(existsSync(join(clone, 'busy'))).toBe(false);
  expect(existsSync(join(clone, '.inferry-install.lock'))).toBe(false);
});

it('takes a half-written marker for none, and a failed installation is tried again', async () => {
  mkdirSync(join(clone, 'node_modules'));
  writeFileSync(join(clone, 'node_modules', '.inferry-install.json'), '{"hash":');
  writeFileSync(join(clone, 'fail'), '');
  const failed = await start('start').ended;
  rmSync(join(clone, 'fail'));
  const again = await start('start').ended;

  expect(failed).toMatch(/^1 [\s\S]*npm failed/);
  expect(failed).not.toMatch(/^ {4}at /m);
  expect(again).toContain('ran start');
});
