import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { runViewUri } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { createRunView } from './run-view.ts';

async function read(...origins: string[]) {
  const contents = await createRunView(origins).read();
  const html = 'text' in contents ? contents.text : '';
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? '';
  return { contents, html, policy };
}

/** What is between the tags, which is what a policy's hash is of. */
function inside(html: string, tag: string): string {
  return new RegExp(`<${tag}[^>]*>([\\s\\S]*)</${tag}>`).exec(html)?.[1] ?? '';
}

describe('the view of a run', () => {
  it('is one document that hosts take for a view', async () => {
    const { contents, html } = await read('https://files.example.com');

    expect(contents).toMatchObject({ uri: runViewUri, mimeType: 'text/html;profile=mcp-app' });
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).not.toMatch(/<(link|script)[^>]+(href|src)=/);
    expect(Buffer.byteLength(html)).toBeLessThan(64_000);
  });

  it('declares exactly the origins of the deployment', async () => {
    const { contents } = await read(
      'https://a.example.com/base/path',
      'http://127.0.0.1:8080',
      'https://a.example.com',
    );

    expect(contents._meta).toEqual({
      ui: {
        csp: {
          connectDomains: [],
          resourceDomains: ['https://a.example.com', 'http://127.0.0.1:8080'],
          frameDomains: [],
          baseUriDomains: [],
        },
        prefersBorder: false,
      },
    });
  });

  it('has a policy of its own that lets only its own script run', async () => {
    const { html, policy } = await read('https://a.example.com');

    const scriptHash = hash('sha256', inside(html, 'script'), 'base64');
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src 'sha256-${scriptHash}'`,
      `style-src 'sha256-${hash('sha256', inside(html, 'style'), 'base64')}'`,
      'img-src https://a.example.com',
      'media-src https://a.example.com',
      "base-uri 'none'",
      "form-action 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
  });

  it('loads nothing from anywhere in a deployment without a public URL', async () => {
    const { policy } = await read();

    expect(policy).toContain("img-src 'none'; media-src 'none'");
  });

  it('is a script whose parts do not clash', async () => {
    const { html } = await read();

    expect(() => new Script(`async () => {${inside(html, 'script')}}`)).not.toThrow();
    expect(inside(html, 'script')).not.toMatch(/^(import|export) /m);
  });

  it('never turns text into markup or code', () => {
    const folder = join(import.meta.dirname, 'view');
    const sources = readdirSync(folder)
      .filter((file) => file.endsWith('.js'))
      .map((file) => readFileSync(join(folder, file), 'utf8'));

    const sinks =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc|\.href =/;
    expect(sources.filter((source) => sinks.test(source))).toEqual([]);
  });
});
