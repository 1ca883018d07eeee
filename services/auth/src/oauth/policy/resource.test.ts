// Holds which addresses are names of this deployment: what gateways serve, tokens are given for.
import { expect, test } from 'vitest';
import { canonicalResource } from './resource.ts';

const issuer = 'https://mcp.example';
const hosts = ['A.example', 'b.example:443', 'c.example:8443', 'd.example.', 'e.example:80'];

test.each([
  'https://mcp.example/mcp',
  'https://mcp.example./',
  'https://a.example/mcp',
  'https://a.example:443/mcp/x/run',
  'https://a.example:80/mcp',
  'https://A.EXAMPLE./',
  'https://b.example/mcp/',
  'https://c.example:8443/mcp',
  'https://d.example/mcp',
  'https://e.example:80/mcp',
])('%s is this deployment', (value) => {
  expect(canonicalResource(value, { issuer, hosts })).toBe('https://mcp.example/mcp');
});

test.each([
  'http://a.example/mcp',
  'https://a.example:8443/mcp',
  'https://c.example/mcp',
  'https://c.example:8444/mcp',
  'https://evil-a.example/mcp',
  'https://a.example.evil/mcp',
  'https://ada@a.example/mcp',
  'https://a.example/other',
  'https://mcp.example:8443/mcp',
])('%s is not', (value) => {
  expect(canonicalResource(value, { issuer, hosts })).toBe(value);
});
