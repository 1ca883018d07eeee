import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutations } from './prove/mutations.ts';

const prover = join(import.meta.dirname, 'prove', 'main.ts');

interface Report {
  seeds: number;
  runs: number;
  taken: number;
  hash: string;
  found: { seed: number; violations: string[] }[];
}

/** In a process of its own, since it takes time and chance away from the one that it runs in. */
async function prove(...args: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [prover, ...args], { maxBuffer: 64 << 20 }, (error, out) => {
      resolve({ code: error === null ? 0 : Number(error.code), out });
    });
  });
}

function read(out: string): Report {
  // as: the prover writes it.
  return JSON.parse(out) as Report;
}

/** A world costs some tens of milliseconds on a machine of its own, and what it must elsewhere. */
const patience = { timeout: 900_000 };

describe('simulated deployments', patience, () => {
  it('keep every promise, whatever their seeds break', async () => {
    const { code, out } = await prove('--seeds', '100', '--json');
    const { found, runs, taken } = read(out);

    expect(found).toEqual([]);
    expect(code).toBe(0);
    expect(Math.min(runs, taken)).toBeGreaterThan(100);
  });

  it('are the same story for the same seed, alone and among others', async () => {
    const [first, again, second] = [
      await prove('--seed', '22'),
      await prove('--seed', '22'),
      await prove('--seed', '23'),
    ];
    const among = await prove('--seeds', '2', '--from', '22', '--json');

    expect(first.out.split('\n').length).toBeGreaterThan(100);
    expect(again.out).toBe(first.out);
    const [one = 0, other = 0] = [first, second].map(({ out }) =>
      Number.parseInt(/"hash": "(\w+)"/.exec(out)?.[1] ?? '', 16),
    );
    expect(read(among.out).hash).toBe(((Math.imul(one, 31) + other) >>> 0).toString(16));
  });

  it.each(['lost_reply', 'tenant', 'one_run_per_reference'])(
    'show the fault where the guard "%s" is taken out',
    async (name) => {
      const { code, out } = await prove('--mutation', name, '--seeds', '400', '--json');

      expect(read(out).found).toHaveLength(1);
      expect(code).toBe(0);
    },
  );

  it.each(Object.entries(mutations))(
    'take the guard %s out of the line where it stands',
    (_name, mutation) => {
      const text = readFileSync(join(import.meta.dirname, '..', mutation.file), 'utf8');

      for (const [line] of mutation.edits) expect(text.split(line)).toHaveLength(2);
    },
  );
});
