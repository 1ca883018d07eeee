import { describe, expect, test } from 'vitest';
import { ClientRows, createClientTable, knownClients } from './in-flight.ts';

describe('the table of waiting times', () => {
  test('gives an unknown client 25 s when it sees nothing, and 45 s when it wishes', () => {
    const table = createClientTable(knownClients, 600);

    expect(table.budget('some-agent', 'nothing')).toEqual({ defaultSeconds: 25, maxSeconds: 45 });
  });

  test('gives an unknown client that sees progress 25 s too, and up to the ceiling when it wishes', () => {
    const table = createClientTable(knownClients, 300);

    expect(table.budget('some-agent', 'progress')).toEqual({ defaultSeconds: 25, maxSeconds: 300 });
  });

  test('keeps Codex under its 60 s whatever it sees', () => {
    const table = createClientTable(knownClients, 600);

    expect(table.budget('Codex-MCP-Client/0.150', 'progress').maxSeconds).toBeLessThan(60);
  });

  test('never goes above the ceiling', () => {
    const table = createClientTable(knownClients, 20);

    expect(table.budget('claude-code/2.1', 'progress')).toEqual({ defaultSeconds: 20, maxSeconds: 20 });
  });

  test('takes rows of an operator in their order', () => {
    const rows = ClientRows.parse([
      { client: 'acme', silent: { default: 5, max: 6 }, withProgress: { default: 7, max: 8 } },
    ]);

    const table = createClientTable(rows, 600);

    expect(table.budget('ACME desktop', 'nothing')).toEqual({ defaultSeconds: 5, maxSeconds: 6 });
  });

  test('refuses a row whose default is above its maximum', () => {
    const rows = ClientRows.safeParse([
      { client: 'acme', silent: { default: 7, max: 6 }, withProgress: { default: 7, max: 8 } },
    ]);

    expect(rows.success).toBe(false);
  });
});
