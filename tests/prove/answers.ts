// What the platform of a simulated world answers to a submit: well or not, before or after it has taken the job.
import { AppError } from '@inferry/contracts';
import type { Random } from '../trial/random.ts';

const answers = {
  well: 62,
  slowly: 10,
  lost_after: 9,
  lost_before: 4,
  error_after: 3,
  error_before: 3,
  unavailable: 4,
  too_many: 3,
  garbage: 2,
  refused: 2,
  silent: 3,
} as const;
export type Answer = keyof typeof answers;
const tempers = {
  usual: answers,
  refusing: { ...answers, unavailable: 30, too_many: 12, refused: 12 },
  slow: { ...answers, slowly: 80 },
};
export type Temper = keyof typeof tempers;

export function answerOf(random: Random, temper: Temper = 'usual'): Answer {
  return random.weighted<Answer>(tempers[temper]);
}

/** It says itself that it took nothing. */
export function refusalOf(answer: Answer): AppError | undefined {
  if (answer === 'unavailable')
    return new AppError('upstream_unavailable', 'Not now.', { upstreamStatus: 503 });
  if (answer === 'too_many') return new AppError('rate_limited', 'Slower.', { retryAfterSeconds: 1 });
  if (answer === 'refused')
    return new AppError('validation_failed', 'Not like this.', { upstreamStatus: 422 });
  if (answer === 'error_before') return new AppError('upstream_malformed', 'Broke before it was taken.');
  return undefined;
}

/** As the adapters say it of a call that broke off after it had left. */
export function lost(): Error {
  return new AppError('unavailable', 'socket hang up');
}

export function failureOf(answer: Answer): Error {
  return answer === 'lost_after'
    ? lost()
    : new AppError('upstream_malformed', 'It broke after it was taken, or said something unreadable.');
}
