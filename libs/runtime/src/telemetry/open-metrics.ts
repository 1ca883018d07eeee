/** Metrics as text for Prometheus: names, units and labels by OpenTelemetry's rules for it, exemplars where it takes them. */
import type { Attributes } from '@opentelemetry/api';
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';

/** A value that was measured within a trace. */
export interface Exemplar {
  value: number;
  traceId: string;
  spanId: string;
  /** Seconds since 1970. */
  at: number;
}

export interface TextOptions {
  /** OpenMetrics, which has exemplars; else the older format of Prometheus. */
  isOpenMetrics: boolean;
  exemplarsOf(metric: string, attributes: Attributes): readonly Exemplar[];
}

/** Units of OpenTelemetry (UCUM) as they stand at the end of a name in Prometheus. */
const unitWords: Readonly<Record<string, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  By: 'bytes',
  '1': 'ratio',
  USD: 'usd',
};

export function toMetricsText({ resource, scopeMetrics }: ResourceMetrics, options: TextOptions): string {
  const families = new Map<string, MetricData[]>();
  for (const metric of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    if (metric.dataPoints.length === 0) continue;
    const name = nameOf(metric);
    families.set(name, [...(families.get(name) ?? []), metric]);
  }
  const lines = [
    '# HELP target_info What measures',
    `# TYPE target_info ${options.isOpenMetrics ? 'info' : 'gauge'}`,
    `target_info${labelsOf(resource.attributes)} 1`,
  ];
  if (options.isOpenMetrics) lines.splice(0, 2, '# TYPE target info', '# HELP target What measures');
  for (const [name, metrics] of families) lines.push(...familyLines(name, metrics, options));
  if (options.isOpenMetrics) lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

/** `inferry.run.duration` in `s` is `inferry_run_duration_seconds`; words in braces are no units. */
function nameOf({ descriptor: { name, unit } }: MetricData): string {
  const plain = name.replaceAll(/[^a-zA-Z0-9_]+/g, '_');
  const word = unitWords[unit];
  return word === undefined || plain.endsWith(`_${word}`) ? plain : `${plain}_${word}`;
}

function familyLines(name: string, metrics: readonly MetricData[], options: TextOptions): string[] {
  const [first] = metrics;
  if (first === undefined) return [];
  const type = typeOf(first);
  // The family of a counter is named without _total in OpenMetrics, and with it before.
  const family = type === 'counter' && !options.isOpenMetrics ? `${name}_total` : name;
  const help = first.descriptor.description.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return [
    ...(help === '' ? [] : [`# HELP ${family} ${help}`]),
    `# TYPE ${family} ${type}`,
    ...metrics.flatMap((metric) => pointLines(name, metric, options)),
  ];
}

function typeOf(metric: MetricData): 'counter' | 'gauge' | 'histogram' {
  if (metric.dataPointType === DataPointType.HISTOGRAM) return 'histogram';
  return metric.dataPointType === DataPointType.SUM && metric.isMonotonic ? 'counter' : 'gauge';
}

function pointLines(name: string, metric: MetricData, options: TextOptions): string[] {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
    case DataPointType.GAUGE: {
      const full = typeOf(metric) === 'counter' ? `${name}_total` : name;
      return metric.dataPoints.map(({ attributes, value }) => `${full}${labelsOf(attributes)} ${value}`);
    }
    case DataPointType.HISTOGRAM:
      return metric.dataPoints.flatMap(({ attributes, value: { buckets, count, sum = 0 } }) => {
        const exemplars = options.isOpenMetrics
          ? options.exemplarsOf(metric.descriptor.name, attributes)
          : [];
        let total = 0;
        const bounds = [...buckets.boundaries, Number.POSITIVE_INFINITY];
        const lines = bounds.map((bound, at) => {
          total += buckets.counts[at] ?? 0;
          const labels = labelsOf(attributes, bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound));
          const low = at === 0 ? Number.NEGATIVE_INFINITY : (bounds[at - 1] ?? 0);
          return `${name}_bucket${labels} ${total}${exemplarText(exemplars, low, bound)}`;
        });
        const labels = labelsOf(attributes);
        return [...lines, `${name}_sum${labels} ${sum}`, `${name}_count${labels} ${count}`];
      });
    default:
      // No instrument of ours asks for exponential histograms.
      return [];
  }
}

function exemplarText(exemplars: readonly Exemplar[], low: number, high: number): string {
  const found = exemplars.find(({ value }) => value > low && value <= high);
  if (found === undefined) return '';
  return ` # {trace_id="${found.traceId}",span_id="${found.spanId}"} ${found.value} ${found.at.toFixed(3)}`;
}

function labelsOf(attributes: Attributes, bound?: string): string {
  const pairs = Object.entries(attributes).map(([name, value]) => {
    const label = name.replaceAll(/[^a-zA-Z0-9_]+/g, '_');
    return `${label}="${String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
  });
  if (bound !== undefined) pairs.push(`le="${bound}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
