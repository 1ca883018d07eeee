/** Clients of others that stand in no package of ours: each has its manifest and lock in `clients/`, and is installed in `.cache/agents` once for each lock. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { waitFor } from '@inferry/testing';

const manifests = join(import.meta.dirname, 'clients');
/** Written last: a folder without it was not finished. */
const marker = 'installed';
/** Each takes some seconds of a machine that does nothing else; on one that does much, this is for all that goes on. */
const attemptMs = 15 * 60_000;

export interface Installing {
  /** How often npm is asked before it is given up. */
  attempts?: number;
  signal?: AbortSignal;
  /** The folder of all of them. */
  into?: string;
}

/** The folder that has it in `node_modules`; whoever asks first installs it, in any process, and the others wait. */
export async function installed(
  name: string,
  { attempts = 2, signal, into = join(import.meta.dirname, '../../.cache/agents') }: Installing = {},
): Promise<string> {
  const folder = join(into, name);
  const wanted = fingerprintOf(name);
  if ((await fingerprintIn(folder)) === wanted) return folder;
  await mkdir(into, { recursive: true });
  const release = await takeTurn(folder);
  try {
    if ((await fingerprintIn(folder)) === wanted) return folder;
    for (let attempt = 1; ; attempt += 1) {
      const problem = await install(name, { folder, wanted, signal });
      if (problem === undefined) return folder;
      if (attempt >= attempts || signal?.aborted) throw new Error(`${adviceOn(name)}\n${problem}`);
    }
  } finally {
    release();
  }
}

/** With their exact versions. */
export function packagesOf(name: string): string[] {
  const { dependencies } = JSON.parse(readFileSync(join(manifests, name, 'package.json'), 'utf8'));
  return Object.entries(dependencies).map((entry) => entry.join('@'));
}

function adviceOn(name: string): string {
  return `${name} is not installed, so nothing of it was tried. See that npm reaches its registry, then: npm run trial:agents -- --only ${name}`;
}

/** What decides whether an installation is still right. */
function fingerprintOf(name: string): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of filesOf(name)) hash.update(file).update(readFileSync(join(manifests, name, file)));
  return hash.digest('hex');
}

/** Its manifest, its lock, how npm has to install it, and the agent that is made of it, where it is a library. */
function filesOf(name: string): string[] {
  const entries = readdirSync(join(manifests, name), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .toSorted();
}

async function fingerprintIn(folder: string): Promise<string | undefined> {
  const file = join(folder, marker);
  return existsSync(file) ? await readFile(file, 'utf8') : undefined;
}

/** A lock that ends with whoever holds it, however that ends. */
async function takeTurn(folder: string): Promise<() => void> {
  const lock = new DatabaseSync(`${folder}.lock`, { timeout: 0 });
  const isTaken = () => {
    lock.exec('BEGIN EXCLUSIVE');
    return true;
  };
  await waitFor(isTaken, { timeoutMs: 2 * attemptMs, everyMs: 200, what: `the turn to install ${folder}` });
  return () => lock.close();
}

interface Wanted {
  folder: string;
  wanted: string;
  signal: AbortSignal | undefined;
}

/** Beside its place and then moved there, so that nobody meets a half of it. What went wrong, if anything did. */
async function install(name: string, { folder, wanted, signal }: Wanted): Promise<string | undefined> {
  await clean(folder);
  const beside = await mkdtemp(`${folder}~`);
  for (const file of filesOf(name)) await copyFile(join(manifests, name, file), join(beside, file));
  const deadline = AbortSignal.timeout(attemptMs);
  const problem = await npmCi(
    beside,
    AbortSignal.any(signal === undefined ? [deadline] : [deadline, signal]),
  );
  if (problem !== undefined) return problem;
  await writeFile(join(beside, marker), wanted);
  if (existsSync(folder)) await rename(folder, `${folder}~before`);
  await rename(beside, folder);
  await clean(folder);
  return undefined;
}

/** Takes away what was broken off, and what has a successor. */
async function clean(folder: string): Promise<void> {
  for (const entry of await readdir(dirname(folder))) {
    if (!entry.startsWith(`${basename(folder)}~`)) continue;
    // Where npm still writes, though whoever had started it was killed, the next one takes it away.
    await rm(join(dirname(folder), entry), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Scripts of packages do not run: what is native comes built. What is in npm's cache is not loaded again. */
async function npmCi(folder: string, signal: AbortSignal): Promise<string | undefined> {
  const flags = [
    '--prefer-offline',
    '--fetch-retry-mintimeout=1000',
    '--fetch-retry-factor=4',
    '--loglevel=error',
  ];
  const options: SpawnOptions = {
    cwd: folder,
    signal,
    killSignal: 'SIGKILL',
    shell: process.platform === 'win32',
  };
  const npm = spawn('npm', ['ci', ...flags], { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  npm.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return await new Promise((resolve) => {
    npm.once('error', (error) => {
      if (signal.aborted) said += `npm had not installed it in ${attemptMs / 60_000} minutes`;
      else said += error.message;
    });
    npm.once('close', (code) => resolve(code === 0 ? undefined : said.slice(-1_000)));
  });
}

if (import.meta.main) {
  // Beside everything else that the machine has to do; what is started here is as patient.
  setPriority(5);
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  const parent = process.ppid;
  // Whoever wanted it is gone.
  setInterval(() => process.ppid === parent || stop.abort(), 500).unref();
  for (const name of process.argv.slice(2)) {
    if (stop.signal.aborted) break;
    try {
      await installed(name, { signal: stop.signal });
    } catch (error) {
      if (!stop.signal.aborted) console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
}
