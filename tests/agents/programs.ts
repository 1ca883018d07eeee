/** Programs of others from npm: installed in folders that stay for the next time, started with nothing of the person who tries them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';

/** An agent does its six questions in a few seconds; a machine may be busy. */
const patienceMs = 180_000;

export interface Ended {
  code: number | null;
  output: string;
}

export async function install(folder: string, packages: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/package.json`, '{ "private": true }\n');
  const npm = spawn('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  const [code] = await once(npm, 'exit');
  if (code !== 0) throw new Error(`npm could not install ${packages.join(' ')}`);
}

export interface Surroundings {
  home: string;
  cwd: string;
  env?: Readonly<Record<string, string>> | undefined;
}

/** Runs it to its end: what it wrote, and how it ended. */
export async function runProgram(
  [command = '', ...args]: readonly string[],
  { home, cwd, env }: Surroundings,
): Promise<Ended> {
  await mkdir(cwd, { recursive: true });
  const program = spawn(command, args, {
    cwd,
    // No keys, no settings.
    env: { PATH: process.env.PATH, HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [program.stdout, program.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const timer = setTimeout(() => program.kill('SIGKILL'), patienceMs);
  const [code] = await once(program, 'close');
  clearTimeout(timer);
  return { code, output };
}
