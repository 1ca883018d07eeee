import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { waitFor } from './wait-for.ts';

/** A server process of our own on a loopback port; its data lives in a temporary folder. */
export interface LocalServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** What it keeps lies here. */
  readonly data: string;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash: `restart` brings it back. */
  kill(): Promise<void>;
  /** The same port and the same data; ends it in order first if it runs. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export interface ServerPlan {
  name: string;
  command(place: Place): string;
  args(place: Place): string[];
  /** Once, before the first start. */
  prepare?(data: string, port: number): Promise<void>;
  owner?: Owner | undefined;
  /** Ends it in order and at once. */
  stopSignal: NodeJS.Signals;
  isReady(port: number): Promise<boolean>;
  toUrl(port: number): string;
}

export interface Place {
  port: number;
  data: string;
}

export interface Owner {
  uid: number;
  gid: number;
}

const portAttempts = 3;
const startTimeoutMs = 15_000;
const stopTimeoutMs = 10_000;

/** Starts it on a free port; a port that somebody takes in between costs another attempt. */
export async function startLocalServer(plan: ServerPlan): Promise<LocalServer> {
  for (let attempt = 1; ; attempt += 1) {
    const server = new ManagedServer(plan, await freePort(), await makeFolder(plan.owner));
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      const isTaken = error instanceof Error && /in use|EADDRINUSE/i.test(error.message);
      if (!isTaken || attempt === portAttempts) throw error;
    }
  }
}

async function makeFolder(owner: Owner | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'inferry-server-'));
  await mkdir(join(folder, 'data'), { mode: 0o700 });
  if (owner !== undefined) {
    await chown(folder, owner.uid, owner.gid);
    await chown(join(folder, 'data'), owner.uid, owner.gid);
  }
  return folder;
}

class ManagedServer implements LocalServer {
  readonly port: number;
  readonly url: string;
  readonly #plan: ServerPlan;
  readonly #folder: string;
  readonly #warden: ChildProcess;
  #child: ChildProcess | undefined;
  #starts = 0;

  constructor(plan: ServerPlan, port: number, folder: string) {
    this.#plan = plan;
    this.#folder = folder;
    this.port = port;
    this.url = plan.toUrl(port);
    this.#warden = startWarden(plan.stopSignal, folder);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get data(): string {
    return join(this.#folder, 'data');
  }

  async start(): Promise<void> {
    const { data } = this;
    if (this.#starts === 0) await this.#plan.prepare?.(data, this.port);
    const logFile = join(this.#folder, `log.${++this.#starts}`);
    const log = await open(logFile, 'a');
    const place = { port: this.port, data };
    const child = spawn(this.#plan.command(place), this.#plan.args(place), {
      cwd: this.#folder,
      stdio: ['ignore', log.fd, log.fd],
      // Its own session: a Ctrl-C in the terminal ends the tests, and they end the server.
      detached: true,
      ...this.#plan.owner,
    });
    child.unref();
    const failed = once(child, 'exit').then(
      () => false,
      () => false,
    );
    await log.close();
    this.#child = child;
    if (child.pid !== undefined) this.#warden.stdin?.write(`${child.pid}\n`);
    await this.#untilReady(child, failed, logFile);
  }

  async stop(): Promise<void> {
    await this.#end(this.#plan.stopSignal);
    this.#warden.ref();
    if (this.#warden.exitCode === null) {
      const gone = once(this.#warden, 'exit');
      this.#warden.stdin?.end('\n');
      await gone;
    }
  }

  async kill(): Promise<void> {
    for (const pid of await this.#family()) signal(pid, 'SIGKILL');
    await this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.#end(this.#plan.stopSignal);
    await this.start();
  }

  async pause(): Promise<void> {
    const family = await this.#family();
    for (const pid of family) signal(pid, 'SIGSTOP');
    for (const pid of family) await waitFor(() => isStopped(pid), { what: 'the server to stand still' });
  }

  async resume(): Promise<void> {
    for (const pid of await this.#family()) signal(pid, 'SIGCONT');
  }

  async #untilReady(child: ChildProcess, failed: Promise<boolean>, logFile: string): Promise<void> {
    const { name, isReady } = this.#plan;
    const ready = waitFor(() => child.exitCode !== null || isReady(this.port), {
      timeoutMs: startTimeoutMs,
      everyMs: 10,
    }).then(
      () => child.exitCode === null,
      () => false,
    );
    if (await Promise.race([ready, failed])) return;
    const log = await readFile(logFile, 'utf8').catch(() => '');
    throw new Error(`${name} did not start on port ${this.port}. ${log.slice(-600).trim()}`);
  }

  async #end(how: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const gone = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(how);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await gone;
    clearTimeout(timer);
    this.#warden.stdin?.write('\n');
  }

  /** The process and its children: Postgres answers each connection in one. */
  async #family(): Promise<number[]> {
    if (this.pid === 0) return [];
    const children = await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').catch(() => '');
    return [this.pid, ...children.split(' ').map(Number).filter(Boolean)];
  }
}

/**
 * A shell that waits for this process to go away, in whatever manner, SIGKILL included, and then ends the server
 * and removes its folder. It is told each new pid on its input; an empty line means that there is none now.
 */
function startWarden(stopSignal: NodeJS.Signals, folder: string): ChildProcess {
  const script = `
    while read -r line; do pid=$line; done
    if [ -n "$pid" ]; then
      kill -s CONT "$pid"; kill -s "$1" "$pid"; n=0
      while kill -0 "$pid" && [ $n -lt 30 ]; do sleep 0.1; n=$((n+1)); done
      kill -s KILL "$pid"
    fi
    rm -rf "$2"`;
  const warden = spawn('/bin/sh', ['-c', script, 'warden', stopSignal.slice(3), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  warden.unref();
  // A pipe is a socket underneath; only its type here does not say so.
  if (warden.stdin !== null && 'unref' in warden.stdin && typeof warden.stdin.unref === 'function')
    warden.stdin.unref();
  return warden;
}

/** A signal is only sent by `kill`; threads of the process may run on for a moment. */
async function isStopped(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // Gone, or a system that has no such file.
  if (stat === undefined) return true;
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
