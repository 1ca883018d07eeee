import { describe, expect, it } from 'vitest';
import { emptyState, withCancelledCall, withInput, withResult } from './run-state.js';

const running = { run: { run_id: 'run_1', status: 'running', model: 'p/m', progress: 0.4 } };
const result = (structuredContent: Record<string, unknown>, rest = {}) => ({
  content: [],
  structuredContent,
  ...rest,
});

describe('what the view knows of a run', () => {
  it('begins with the call: its model, its prompt and how to find the run', () => {
    const args = { model: 'p/m', input: { prompt: 'A cat' }, client_ref: 'ref-1' };

    expect(withInput(emptyState, args)).toMatchObject({
      phase: 'waiting',
      model: 'p/m',
      prompt: 'A cat',
      clientRef: 'ref-1',
    });
  });

  it('follows a run that goes on', () => {
    expect(withResult(emptyState, result(running))).toMatchObject({
      phase: 'active',
      runId: 'run_1',
      progress: 0.4,
    });
  });

  it('has the outputs, the time and the charge of one that succeeded', () => {
    const run = {
      run_id: 'run_1',
      status: 'succeeded',
      created_at: '2026-11-21T10:00:00.000Z',
      finished_at: '2026-11-21T10:00:06.400Z',
      outputs: [{ kind: 'image', url: 'https://h/a.png', asset_id: 'asset_1', truncated: false }],
      cost: { currency: 'USD', estimated: 0.09, charged: 0.07 },
    };

    const state = withResult(withResult(emptyState, result(running)), result({ run }));

    expect(state).toMatchObject({ phase: 'succeeded', seconds: 6.4, cost: { text: '$0.07', isFinal: true } });
    expect(state.outputs).toHaveLength(1);
  });

  it.each([
    [{ currency: 'USD', charged: 0 }, 'Free'],
    [{ currency: 'USD', charged: 0.000_42 }, '$0.00042'],
    [{ currency: 'EUR', charged: 1.5 }, '1.50 EUR'],
    [{ estimated: 0.2 }, '$0.20'],
  ])('reads the cost %j as %s', (cost, text) => {
    const run = { run_id: 'run_1', status: 'succeeded', cost };

    expect(withResult(emptyState, result({ run })).cost?.text).toBe(text);
  });

  it('keeps why a run failed beside the run', () => {
    const error = {
      code: 'generate_failed',
      message: 'Out of memory.',
      next_action: 'Use a smaller picture.',
    };

    expect(
      withResult(emptyState, result({ run: { run_id: 'run_1', status: 'failed' }, error })),
    ).toMatchObject({
      phase: 'failed',
      runId: 'run_1',
      problem: { code: 'generate_failed', nextAction: 'Use a smaller picture.' },
    });
  });

  it('has the fields that a refused input was wrong in', () => {
    const errors = [{ path: 'image', message: 'is required', hint: 'an asset id' }];
    const error = { code: 'validation_failed', message: 'Not valid.', details: { errors } };

    const { problem } = withResult(emptyState, result({ error }, { isError: true }));

    expect(problem?.details).toEqual(['image: is required (an asset id)']);
  });

  it('tells a quote from a run', () => {
    const quote = { currency: 'USD', max: 0.3 };

    expect(withResult(emptyState, result({ quote, validation: [] }))).toMatchObject({
      phase: 'quoted',
      cost: { text: '$0.30', isFinal: false },
      problem: undefined,
    });
  });

  it('falls back to the text of a result that has no structure', () => {
    const { phase, problem } = withResult(emptyState, { content: [{ type: 'text', text: 'Host says no.' }] });

    expect([phase, problem?.message]).toEqual(['failed', 'Host says no.']);
  });

  it('survives values of the wrong types', () => {
    const run = { run_id: 7, status: 'succeeded', outputs: [null, 'x', { kind: 3, url: {} }], cost: 'free' };

    expect(withResult(emptyState, result({ run }))).toMatchObject({
      phase: 'succeeded',
      runId: undefined,
      outputs: [{ kind: 'file', url: undefined }],
    });
  });

  it('does not take a cancelled call for a cancelled run', () => {
    const known = withResult(emptyState, result(running));

    expect(withCancelledCall(known).phase).toBe('active');
    expect(withCancelledCall(emptyState).phase).toBe('stopped');
  });
});
