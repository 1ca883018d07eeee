// Holds which addresses are one resource, and which are none of ours.
import { describe, expect, it } from 'vitest';
import {
  parseProfileHosts,
  profileOfAudience,
  profileOfRequest,
  resourceAt,
  resourceName,
} from './mounts.ts';

const url = 'https://mcp.example';
const profileHosts = parseProfileHosts(['mcp.runware.example=runware', 'Flow.example:8443=runflow']);
const place = { url, hosts: ['a.example'], profileHosts };

describe('a resource', () => {
  it.each([
    ['https://mcp.example/mcp/runware', 'runware'],
    ['https://mcp.example/mcp/runware/', 'runware'],
    ['HTTPS://MCP.EXAMPLE./mcp/runware/x/run', 'runware'],
    ['https://mcp.example:443/mcp/runpod-4', 'runpod-4'],
    ['https://a.example/mcp/runware', 'runware'],
    ['https://mcp.runware.example', 'runware'],
    ['https://MCP.runware.example.:443/mcp/', 'runware'],
    ['https://mcp.runware.example/mcp/x/run', 'runware'],
    ['https://mcp.runware.example/mcp/runflow', 'runflow'],
    ['https://flow.example:8443/', 'runflow'],
    ['https://mcp.example/', undefined],
    ['https://mcp.example/mcp/x/run/readonly', undefined],
    ['https://mcp.example/mcp?models=local/speech&toolsets=run', undefined],
    ['https://mcp.example/mcp/runware?readonly', 'runware'],
  ])('%s is that of %s', (value, profile) => {
    expect(resourceAt(value, place)).toBe(resourceName(url, profile));
  });

  it.each([
    'https://flow.example/',
    'https://mcp.runware.example:8443/',
    'http://mcp.runware.example/',
    'https://mcp.runware.example/other',
    'https://mcp.runware.example.evil/',
    'https://ada@mcp.runware.example/',
    'https://mcp.runware.example/?a=b',
    'https://mcp.example/mcp?toolsets=run&a=b',
    'https://mcp.example/mcpx',
  ])('%s is none of ours', (value) => {
    expect(resourceAt(value, place)).toBeUndefined();
  });

  it.each(['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080'])(
    'by another name of loopback is the same: %s',
    (origin) => {
      const local = { url: 'http://127.0.0.1:8080', hosts: [] };

      expect(resourceAt(`${origin}/mcp/runware`, local)).toBe('http://127.0.0.1:8080/mcp/runware');
    },
  );

  it('below a path has the path in front, but not at the host of a profile', () => {
    const below = { ...place, url: 'https://mcp.example/ai' };

    expect(resourceAt('https://mcp.example/ai/mcp/runware', below)).toBe(
      'https://mcp.example/ai/mcp/runware',
    );
    expect(resourceAt('https://mcp.runware.example/mcp', below)).toBe('https://mcp.example/ai/mcp/runware');
    expect(resourceAt('https://mcp.example/mcp/runware', below)).toBeUndefined();
    expect(resourceAt('https://mcp.example/aid/mcp', below)).toBeUndefined();
  });
});

it.each([
  ['https://mcp.example/mcp', ''],
  ['https://mcp.example', ''],
  ['https://mcp.example/mcp/runware', 'runware'],
  ['https://mcp.example/mcp/runware/x/run', undefined],
  ['https://mcp.example/mcp/x', undefined],
  ['https://other.example/mcp/runware', undefined],
])('the audience %s is for %j', (audience, profile) => {
  expect(profileOfAudience(audience, url)).toBe(profile);
});

it.each([
  ['mcp.example', '/mcp/runware', 'runware'],
  ['MCP.RUNWARE.EXAMPLE', '/', 'runware'],
  ['mcp.runware.example:443', '/mcp', 'runware'],
  ['mcp.runware.example', '/mcp/runflow', 'runflow'],
  ['mcp.example', '/mcp/x/run', undefined],
  ['mcp.example', '/', undefined],
])('a request to %s for %s is for %s', (host, path, profile) => {
  expect(profileOfRequest({ host, path }, profileHosts)).toBe(profile);
});

it.each([
  'mcp.example.com',
  'https://mcp.example.com=runware',
  'mcp.example.com=Run ware',
  '*=runware',
  '=x',
])('PROFILE_HOSTS takes no %s', (item) => {
  expect(() => parseProfileHosts([item])).toThrow('is not like');
});

it('PROFILE_HOSTS names a host once', () => {
  expect(() => parseProfileHosts(['a.example=runware', 'A.example=runflow'])).toThrow('twice');
});
