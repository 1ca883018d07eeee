export { isOtlpAsked, startTelemetry, type Telemetry } from './start-telemetry.ts';
