import { trace } from '@opentelemetry/api';
import { type Logger, pino } from 'pino';

export interface LoggerOptions {
  service: string;
  replica: string;
  level: string;
  /** 1 for stdout (services), 2 for stderr (the command line, whose stdout belongs to the user). */
  fd?: 1 | 2;
}

/** JSON lines with the trace they belong to; values under names that hold secrets are never written. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service, replica: options.replica },
      redact: { paths: secretPaths, censor: '[secret]' },
      mixin() {
        const span = trace.getActiveSpan()?.spanContext();
        return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
      },
    },
    pino.destination({ fd: options.fd ?? 1, sync: true }),
  );
}

const secretPaths = ['authorization', 'credential', 'token', 'key', 'secret', 'password', 'cookie'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
);
