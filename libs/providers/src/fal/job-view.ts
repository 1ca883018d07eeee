import { AppError, type ErrorCode } from '@inferry/contracts';
import { cleanText, jobMessage } from '../errors/index.ts';
import { answered } from '../outputs/answer.ts';
import type { JobErrorCode, JobView } from '../provider.ts';
import type { QueueStatus } from './wire.ts';

const maxLogs = 20;

/** What a status call says; undefined when the result has to be asked, since completed is not yet success. */
export function toPendingView({ status, queue_position: position, logs }: QueueStatus): JobView | undefined {
  const upstreamStatus = status.slice(0, 100);
  if (status === 'COMPLETED') return undefined;
  if (status === 'IN_QUEUE') {
    return {
      status: 'queued',
      upstreamStatus,
      ...(typeof position === 'number' && { queuePosition: position }),
    };
  }
  const lines = (logs ?? []).slice(-maxLogs).map(({ message }) => cleanText(message ?? ''));
  const said = lines.filter((line) => line !== '');
  return { status: 'running', upstreamStatus, ...(said.length > 0 && { logs: said }) };
}

export function toSucceeded(answer: unknown): JobView {
  return answered(answer, { upstreamStatus: 'COMPLETED' });
}

/** The end that a failed result call tells; undefined when it says nothing of the job. */
export function toEnd(error: unknown): JobView | undefined {
  if (!(error instanceof AppError)) return undefined;
  const { code } = error;
  if (code === 'run_expired') return { status: 'not_found', upstreamStatus: 'not found' };
  if (code === 'cancelled' && error.upstreamStatus !== undefined) {
    return { status: 'cancelled', upstreamStatus: 'client_cancelled' };
  }
  return isJobError(code, error.upstreamStatus) ? failed(code, jobMessage(error)) : undefined;
}

/** Faults of the key, of the rate or of the line are no fault of the job: it is asked again. */
function isJobError(code: ErrorCode, status: number | undefined): code is JobErrorCode {
  const codes: readonly ErrorCode[] = [
    'validation_failed',
    'content_blocked',
    'generate_failed',
    'upstream_failed',
  ];
  return status !== undefined && (codes.includes(code) || (code === 'deadline_exceeded' && status === 504));
}

function failed(code: JobErrorCode, message: string): JobView {
  return { status: 'failed', upstreamStatus: 'COMPLETED', error: { code, message } };
}
