import { describe, expect, it } from 'vitest';
import { parseInferenceConfig } from './config.ts';

describe('parseInferenceConfig', () => {
  it('has a default for everything', () => {
    expect(parseInferenceConfig({})).toEqual({
      maxWaitSeconds: 600,
      rehost: true,
      maxOutputBytes: 536_870_912,
      maxSteps: 64,
    });
  });

  it('tells every problem at once', () => {
    expect(() => parseInferenceConfig({ MAX_WAIT_SECONDS: '601', REHOST_OUTPUTS: 'maybe' })).toThrow(
      /MAX_WAIT_SECONDS[\s\S]*REHOST_OUTPUTS/,
    );
  });
});
