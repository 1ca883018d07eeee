import { describe, expect, it } from 'vitest';
import { choicesFor, scopesOfTicks } from './scope-choices.ts';

const all = choicesFor(['mcp']);

describe('ticks of the consent page', () => {
  it('stand for each part of mcp, all ticked', () => {
    expect(all.map(({ scope, isTicked }) => [scope, isTicked])).toEqual([
      ['models:read', true],
      ['runs:read', true],
      ['runs:write', true],
      ['files:write', true],
      ['wrappers:write', true],
      ['account:read', true],
    ]);
  });

  it('are only what the client asked for', () => {
    expect(choicesFor(['models:read', 'admin']).map(({ scope }) => scope)).toEqual(['models:read']);
  });

  it('offer more than was asked for without ticking it', () => {
    const ticked = choicesFor(['models:read'], ['runs:read']).map(({ isTicked }) => isTicked);

    expect(ticked).toEqual([true, false]);
  });

  it('grant mcp when every part of it is ticked', () => {
    expect(
      scopesOfTicks(
        all.map(({ scope }) => scope),
        all,
      ),
    ).toEqual(['mcp']);
  });

  it('have what is granted by name alone only when it was asked for by name, and then say what it costs', () => {
    const asked = choicesFor(['mcp', 'infra']);

    expect(all.map(({ scope }) => scope)).not.toContain('infra');
    expect(asked.filter(({ isCostly }) => isCostly)).toMatchObject([
      { scope: 'infra', isTicked: true, text: expect.stringContaining('paid for while they exist') },
    ]);
    expect(
      scopesOfTicks(
        asked.map(({ scope }) => scope),
        asked,
      ),
    ).toEqual(['mcp', 'infra']);
    expect(scopesOfTicks(['models:read', 'infra'], all)).toEqual(['models:read']);
  });

  it('grant nothing that could not be ticked', () => {
    const narrow = choicesFor(['models:read', 'runs:read']);

    expect(scopesOfTicks(['models:read', 'runs:write', 'mcp'], narrow)).toEqual(['models:read']);
  });
});
