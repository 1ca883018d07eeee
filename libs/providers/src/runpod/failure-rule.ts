import { isObject } from '@inferry/contracts';
import type { FailureRule } from '../errors/index.ts';

const noCredit =
  /insufficient (balance|credit|fund)|balance (is )?(too low|exhausted)|not enough (credit|fund)/i;

/** `{error}`, the body of a failed job, or problem details of the control plane; the words go before the status. */
export const failureRule: FailureRule = ({ status, body }) => {
  if (!isObject(body)) return undefined;
  const detail = readDetail(body);
  if (detail !== undefined && status < 500 && noCredit.test(detail)) {
    return { code: 'insufficient_credits', detail };
  }
  // A public endpoint that refuses an input says so as a job that failed at once.
  if (status === 400 && body.status === 'FAILED') {
    return { code: 'validation_failed', problems: [{ path: '', message: detail ?? 'is not accepted' }] };
  }
  return undefined;
};

function readDetail(body: Readonly<Record<string, unknown>>): string | undefined {
  const told = [body.error, body.detail, body.message, body.title];
  return told.find((text): text is string => typeof text === 'string' && text !== '');
}
