import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nextOf, type OAuthUnderTest, openOAuth, register, TestBrowser } from '@inferry/auth/oauth-testing';
import { freePort } from '@inferry/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let oauth: OAuthUnderTest;
let suite: ChildProcess | undefined;

beforeEach(async () => {
  oauth = await openOAuth();
});
afterEach(async () => {
  suite?.kill();
  await oauth.close();
});

const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'));

/** Runs the suite's scenarios for authorization servers; whenever it prints an address, somebody signs in there. */
async function runSuite(clientId: string, port: number): Promise<{ code: number | null; output: string }> {
  const args = ['authorization', '--url', oauth.url, '--client-id', clientId, '-p', String(port)];
  const child = spawn(process.execPath, [program, ...args, '--resource', `${oauth.url}/mcp`]);
  suite = child;
  let output = '';
  const visited = new Set<string>();
  const read = (chunk: Buffer): void => {
    output += chunk.toString();
    if (!output.includes('allback server')) return;
    for (const [url] of output.matchAll(/http:\/\/127\.0\.0\.1:\d+\/oauth\/authorize\?\S+/g)) {
      if (visited.has(url)) continue;
      visited.add(url);
      void allow(url);
    }
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, output };
}

async function allow(url: string): Promise<void> {
  const browser = new TestBrowser(oauth.url);
  const page = await browser.submit(await browser.open(url), {
    name: 'ada',
    decision: 'allow',
    scope: 'mcp',
  });
  await fetch(nextOf(page));
}

describe('the conformance suite', () => {
  it('passes its scenarios for authorization servers', async () => {
    const port = await freePort();
    const clientId = await register(oauth.url, { redirect_uris: [`http://127.0.0.1:${port}/callback`] });

    const { code, output } = await runSuite(clientId, port);

    // So many are there; a suite that ran none of them would pass too.
    expect(output).toContain('Total: 3 passed, 0 failed');
    expect(code).toBe(0);
    expect(oauth.faults).toEqual([]);
  });
});
