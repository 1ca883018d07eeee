/** Models, runs and their files at the command line, on a system of this process with the models that need no key. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { commands, runCommand } from './index.ts';

let folder: string;
let env: Record<string, string>;
let out: string;
let err: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inferry-models-'));
  env = { INFERRY_HOME: join(folder, 'home'), PROVIDERS: 'local', LOG_LEVEL: 'silent' };
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function inferry(name: string, ...args: string[]): Promise<number | undefined> {
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  return runCommand(commands, { name, args, env });
}

describe('a model at the command line', () => {
  it('is found, described, run with its file saved, and listed with what it cost', async () => {
    expect(await inferry('models', 'speech', '--limit', '5')).toBe(0);
    expect(out).toContain('local/speech');
    expect(await inferry('models', 'local/denoise')).toBe(0);
    expect(out).toMatch(/audio=<@file> +required/);

    expect(await inferry('run', 'local/speech', 'text=Good morning.', '--out', folder)).toBe(0);
    const path = out.trim();
    expect(path).toBe(join(folder, 'speech.wav'));
    expect(statSync(path).size).toBeGreaterThan(1_000);
    expect(err).toMatch(/100 %[\s\S]*\d s, free \(run_/);

    // The file without a name is the first input that takes one; nothing that is there is written over.
    expect(await inferry('run', 'local/denoise', `@${path}`, '--out', folder, '--json')).toBe(0);
    const { run, saved } = JSON.parse(out);
    expect(run.status).toBe('succeeded');
    expect(readFileSync(saved[0]).subarray(0, 4).toString()).toBe('RIFF');
    expect(await inferry('runs', run.run_id, '--out', folder)).toBe(0);
    expect(out).toContain('denoised-2.wav');
    expect(await inferry('runs', '--model', 'local/speech', '--json')).toBe(0);
    expect(JSON.parse(out).items).toMatchObject([{ model: 'local/speech', status: 'succeeded' }]);
  }, 90_000);

  it('is checked and priced without being run', async () => {
    expect(await inferry('run', 'local/speech', 'text=Hi', '--dry-run')).toBe(0);
    expect(out).toBe('The input is valid. It costs nothing.\n');
  }, 60_000);
});

describe('what is wrong at the command line', () => {
  it.each([
    { code: 2, what: 'a model is missing', line: ['run'], said: /missing required argument 'model'.*--help/ },
    {
      code: 2,
      what: 'an input is no pair',
      line: ['run', 'local/speech', 'hello'],
      said: /key=value, key=@file or @file/,
    },
    {
      code: 2,
      what: 'a file is not there',
      line: ['run', 'local/speech', 'text=@none.txt'],
      said: /@none\.txt: there is no such file/,
    },
    {
      code: 2,
      what: 'an amount is none',
      line: ['run', 'local/speech', '--max-cost', 'few'],
      said: /amount of 0 or more/,
    },
    { code: 2, what: 'a number is too large', line: ['models', '--limit', '500'], said: /from 1 to 200/ },
    { code: 2, what: 'a status is unknown', line: ['runs', '--status', 'done'], said: /Allowed choices/ },
    {
      code: 2,
      what: 'nothing is to be cancelled',
      line: ['runs', '--cancel'],
      said: /--cancel: the id of a run is needed/,
    },
    {
      code: 2,
      what: 'the address is none',
      line: ['models', '--url', 'nowhere'],
      said: /nowhere is no address/,
    },
    {
      code: 1,
      what: 'nobody is there',
      line: ['runs', '--url', 'http://127.0.0.1:1/mcp'],
      said: /Nothing answers at .* Start it/,
    },
    { code: 1, what: 'the run is unknown', line: ['runs', 'run_none'], said: /no such run/ },
    {
      code: 1,
      what: 'the model is unknown',
      line: ['run', 'local/none', 'a=b'],
      said: /No connected provider has this model/,
    },
    { code: 1, what: 'an input is missing', line: ['run', 'local/speech'], said: /text is required/ },
  ])(
    'ends with $code and one line where $what',
    async ({ code, line: [name = '', ...args], said }) => {
      expect(await inferry(name, ...args)).toBe(code);

      expect(err).toMatch(said);
      expect(err.trim().split('\n')).toHaveLength(1);
      expect(out).toBe('');
    },
    60_000,
  );
});
