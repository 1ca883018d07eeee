import { AppError } from '@inferry/contracts';
import { ConfigError } from '@inferry/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Command, commands, runCommand } from './index.ts';

let printed: string;
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

function run(command: Command, name = 'trial'): Promise<number | undefined> {
  const entry = { summary: 'A trial.', usage: '[x]', examples: ['trial x'], load: async () => command };
  return runCommand({ trial: entry }, { name, args: [], env: {} });
}

function failing(error: unknown): Command {
  return () => Promise.reject(error);
}

describe('a command', () => {
  it('that could not be done ends with 1 and one line that says what to do', async () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:5432');
    const error = new AppError('unavailable', 'The database cannot be reached.', {
      ...{ cause, nextAction: 'Start it.' },
    });

    expect(await run(failing(error))).toBe(1);
    expect(printed).toBe('The database cannot be reached. (connect ECONNREFUSED 127.0.0.1:5432) Start it.\n');
  });

  it('with wrong settings ends with 2', async () => {
    expect(await run(failing(new ConfigError(['PORT: must be a number'])))).toBe(2);
    expect(printed).toContain('PORT: must be a number');
  });

  it('of the package names commands as they are called there', async () => {
    const entry = { summary: '', usage: '', examples: [], load: async () => failing(hint) };
    const hint = new ConfigError(['run npm run migrate, npm run keys -- create --name me, or npm start']);
    const started = async (env: Record<string, string>) =>
      await runCommand({ trial: entry }, { name: 'trial', args: [], env });

    expect(await started({ INFERRY_STARTED_AS: 'package' })).toBe(2);
    expect(printed).toBe('run inferry migrate, inferry keys create --name me, or inferry start\n');
    printed = '';
    await started({});
    expect(printed).toContain('npm run keys -- create');
  });

  it('with an option that it does not know ends with 2', async () => {
    const code = await runCommand(commands, { name: 'budgets', args: ['--nope'], env: {} });

    expect(code).toBe(2);
    expect(printed).toContain("'--nope'");
  });

  it('that there is not is answered with those that there are', async () => {
    expect(await run(async () => 0, 'toString')).toBe(2);
    expect(printed).toContain("unknown command 'toString'");
  });

  it.each(Object.keys(commands))('%s tells with --help what it does, with an example', async (name) => {
    const shown = vi.spyOn(process.stdout, 'write').mockReturnValue(true);

    expect(await runCommand(commands, { name, args: ['--help'], env: {} })).toBe(0);
    const help = shown.mock.calls.map(([text]) => String(text)).join('');
    expect(help).toContain(`Usage: inferry ${name}`);
    expect(help).toMatch(/Examples:\n {2}inferry \w/);
  });

  it.each(['bash', 'zsh', 'fish', 'powershell'])('is completed by %s', async (shell) => {
    const shown = vi.spyOn(console, 'log').mockReturnValue(undefined);

    expect(await runCommand(commands, { name: 'completion', args: [shell], env: {} })).toBe(0);
    expect(shown.mock.calls.flat().join('\n')).toContain('inferry');
  });

  it('that was mistyped is answered with the nearest', async () => {
    expect(await runCommand(commands, { name: 'keyz', args: [], env: {} })).toBe(2);
    expect(printed).toContain('Did you mean keys?');
  });

  it('that is broken shows where', async () => {
    await expect(run(failing(new RangeError('a bug')))).rejects.toThrow('a bug');
  });
});
