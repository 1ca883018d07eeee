/** How calls on the bus fail: what their callers are told, and what they can do next. */
import {
  AppError,
  callOf,
  createUpload,
  ErrorEnvelope,
  hint,
  InputRequired,
  listRuns,
  NeededInput,
  toAppError,
} from '@inferry/contracts';
import type { Progress } from './bus.ts';

/** What a call has told about itself. */
interface Known {
  lastProgress: { data: Progress['data'] | undefined } | undefined;
}

export const retryAdvice = {
  retryAfterSeconds: 2,
  nextAction: `Retry; a run that was started goes on${hint` and ${callOf(listRuns)} finds it`}.`,
};

export function toInputRequired(json: string): InputRequired {
  const { inputRequests, state } = NeededInput.parse(JSON.parse(json));
  return new InputRequired(inputRequests, state);
}

export function toError(json: string): AppError {
  try {
    return AppError.fromEnvelope(ErrorEnvelope.parse(JSON.parse(json)));
  } catch (cause) {
    return toAppError(cause);
  }
}

export function toSendError(error: unknown, maxPayloadBytes: number): AppError {
  const known = toAppError(error);
  if (known.code !== 'message_too_large') return known;
  return new AppError('message_too_large', `The call is larger than ${maxPayloadBytes} bytes.`, {
    nextAction: hint`Upload large values with ${callOf(createUpload)} and pass the asset id.`,
    cause: error,
  });
}

export function cancelled(): AppError {
  return new AppError('cancelled', 'The caller cancelled.');
}

export function tooLate(call: Known): AppError {
  const details = detailsOf(call);
  return new AppError('deadline_exceeded', 'The call took too long.', {
    retryAfterSeconds: 1,
    nextAction: retryAdvice.nextAction,
    details,
  });
}

export function unavailable(message: string, call: Known): AppError {
  return new AppError('unavailable', message, { ...retryAdvice, details: detailsOf(call) });
}

/** What the last progress told, e.g. the run id: the caller goes on from there. */
function detailsOf(call: Known): Record<string, string> | undefined {
  const data = call.lastProgress?.data;
  return data === undefined || Object.keys(data).length === 0 ? undefined : data;
}
