import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const module = new URL('./logger.ts', import.meta.url).href;

function logged(fields: string): Record<string, unknown> {
  const code = `import { createLogger } from ${JSON.stringify(module)};
    createLogger({ service: 'auth', replica: 'auth-1', level: 'info' }).info(${fields}, 'done');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
  });
  return JSON.parse(stdout);
}

it('writes one JSON line with the service and the replica', () => {
  expect(logged('{ runId: "run_1" }')).toMatchObject({
    service: 'auth',
    replica: 'auth-1',
    runId: 'run_1',
    msg: 'done',
  });
});

it('never writes what stands under the name of a secret', () => {
  const line = JSON.stringify(
    logged('{ authorization: "Bearer abc", request: { token: "abc" }, a: { b: { key: "abc" } } }'),
  );

  expect(line).not.toContain('abc');
});
