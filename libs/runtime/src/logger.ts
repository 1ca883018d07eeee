/** Logs of a process: JSON lines, and by OTLP beside them where that is asked for. */
import { type Attributes, logs, SeverityNumber, trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger, pino } from 'pino';

export interface LoggerOptions {
  service: string;
  replica: string;
  level: string;
  /** 1 for stdout (services), 2 for stderr (the command line, whose stdout belongs to the user). */
  fd?: 1 | 2;
  /** Whether each line is given to OpenTelemetry as well. */
  isForwarded?: boolean;
}

/** JSON lines with the trace they belong to; values under names that hold secrets are never written. */
export function createLogger(options: LoggerOptions): Logger {
  const lines = pino.destination({ fd: options.fd ?? 1, sync: true });
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
    options.isForwarded === true ? bothWays(lines) : lines,
  );
}

function bothWays(lines: DestinationStream): DestinationStream {
  return {
    write(line) {
      lines.write(line);
      forward(line);
    },
  };
}

/** pino's levels, as OpenTelemetry counts them. */
const severities: Readonly<Record<number, SeverityNumber>> = {
  10: SeverityNumber.TRACE,
  20: SeverityNumber.DEBUG,
  30: SeverityNumber.INFO,
  40: SeverityNumber.WARN,
  50: SeverityNumber.ERROR,
  60: SeverityNumber.FATAL,
};

/** The line as it was written, with its secrets taken out, in the trace at hand. */
function forward(line: string): void {
  // as: pino writes an object with these.
  const {
    level,
    time,
    msg,
    trace_id: _trace,
    span_id: _span,
    ...rest
  } = JSON.parse(line) as Record<string, unknown> & { level: number; time: number };
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(rest))
    attributes[name] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  logs.getLogger('@inferry/runtime').emit({
    timestamp: time,
    severityNumber: severities[level] ?? SeverityNumber.UNSPECIFIED,
    severityText: pino.levels.labels[level] ?? '',
    body: typeof msg === 'string' ? msg : '',
    attributes,
  });
}

const secretPaths = ['authorization', 'credential', 'token', 'key', 'secret', 'password', 'cookie'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
);
