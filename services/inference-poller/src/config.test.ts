import { describe, expect, it } from 'vitest';
import { parseInferenceConfig } from './config.ts';

describe('parseInferenceConfig', () => {
  it('has a default for everything', () => {
    expect(parseInferenceConfig({})).toMatchObject({
      maxWaitSeconds: 600,
      rehost: true,
      maxOutputBytes: 536_870_912,
      limits: { maxSubmits: 256, maxPolls: 1_024 },
      webhooksIn: 'auto',
    });
  });

  it('reads how money is counted', () => {
    const { money } = parseInferenceConfig({ UNPRICED: 'deny', EXCHANGE_RATES: 'EUR=1.08, gbp=1.25' });

    expect(money.unpriced).toEqual({ policy: 'deny', capMicros: 1_000_000 });
    expect(money.rates.convert(2, 'GBP', 'USD')).toBe(2.5);
    expect(money.rates.convert(1, 'SEK', 'USD')).toBeUndefined();
    expect(() => parseInferenceConfig({ EXCHANGE_RATES: 'EUR' })).toThrow(/EXCHANGE_RATES: EUR/);
    expect(() => parseInferenceConfig({ EXCHANGE_RATES: 'EUR=0' })).toThrow(/EXCHANGE_RATES/);
  });

  it('tells every problem at once', () => {
    expect(() => parseInferenceConfig({ MAX_WAIT_SECONDS: '601', REHOST_OUTPUTS: 'maybe' })).toThrow(
      /MAX_WAIT_SECONDS[\s\S]*REHOST_OUTPUTS/,
    );
  });

  it('names a proxy that is no address', () => {
    expect(() => parseInferenceConfig({ TRUSTED_PROXIES: '10.0.0.0/8,nearby' })).toThrow(
      /TRUSTED_PROXIES: nearby/,
    );
  });

  it.each(['cdn.example.com', 'https://cdn.example.com/path', "https://a.b; script-src 'unsafe-inline'"])(
    'refuses %s as an origin of the run view',
    (origin) => {
      expect(() => parseInferenceConfig({ RUN_VIEW_ORIGINS: origin })).toThrow(/RUN_VIEW_ORIGINS/);
    },
  );
});
