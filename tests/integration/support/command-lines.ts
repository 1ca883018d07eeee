import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface Ended {
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** One run of a program that makes one request. */
export interface Command {
  process: ChildProcess;
  ended: Promise<Ended>;
}

/** A client that makes one request and ends, against the MCP endpoint at `url`, or below it where it has no path. */
export interface CommandLine {
  list(url: string): Command;
  call(url: string, tool: string, args: Record<string, unknown>): Command;
  /** The result of the request. */
  read(ended: Ended): Record<string, unknown>;
}

export const commandLines: Readonly<Record<string, CommandLine>> = {
  'the inspector, legacy': inspector('legacy'),
  'the inspector, modern': inspector('modern'),
  curl: curl(),
};

function endpointOf(url: string): string {
  return new URL(url).pathname === '/' ? `${url.replace(/\/$/, '')}/mcp` : url;
}

/** The inspector's command line on a server of that era, from a configuration file as its users have one. */
export function inspect(era: 'legacy' | 'modern', url: string, args: readonly string[]): Command {
  const folder = mkdtempSync(join(tmpdir(), 'inferry-inspector-'));
  const file = join(folder, 'mcp.json');
  const server = { type: 'streamable-http', url: endpointOf(url), protocolEra: era };
  writeFileSync(file, JSON.stringify({ mcpServers: { inferry: server } }));
  const root = dirname(
    createRequire(import.meta.url).resolve('@modelcontextprotocol/inspector/package.json'),
  );
  const launcher = join(root, 'clients', 'launcher', 'build', 'index.js');
  const command = start(process.execPath, [
    launcher,
    '--cli',
    '--config',
    file,
    '--server',
    'inferry',
    ...args,
  ]);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  void command.ended.then(remove, remove);
  return command;
}

function inspector(era: 'legacy' | 'modern'): CommandLine {
  return {
    list: (url) => inspect(era, url, ['--method', 'tools/list']),
    call(url, tool, args) {
      const given = ['--tool-name', tool, '--tool-args-json', JSON.stringify(args)];
      // It asks for no progress by itself.
      given.push('--tool-metadata', 'progressToken=inspector');
      return inspect(era, url, ['--method', 'tools/call', ...given]);
    },
    read: ({ stdout }) => JSON.parse(stdout),
  };
}

/** As somebody types it: no session, no handshake, and a stream that is shown as it comes. */
function curl(): CommandLine {
  const send = (url: string, method: string, params: object) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const headers = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];
    const options = headers.flatMap((header) => ['-H', header]);
    return start('curl', ['-sS', '-N', '--max-time', '60', ...options, '-d', body, endpointOf(url)]);
  };
  return {
    list: (url) => send(url, 'tools/list', {}),
    call: (url, name, args) =>
      send(url, 'tools/call', { name, arguments: args, _meta: { progressToken: 1 } }),
    read({ stdout }) {
      const last = stdout.split('\n').findLast((line) => line.startsWith('data: ') || line.startsWith('{'));
      return JSON.parse((last ?? '').replace(/^data: /, '')).result;
    },
  };
}

function start(program: string, args: readonly string[]): Command {
  // The inspector has nothing to keep, and says so at length where there is no keychain.
  const env = { ...process.env, MCP_INSPECTOR_SECRET_STORE: 'memory' };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
  return { process: child, ended };
}
