/** The Grafana dashboards of the chart (`npm run docs` writes them): what an operator asks, a panel for each question. */
import {
  // biome-ignore lint/suspicious/noDeprecatedImports: as below
  type Dashboard,
  // biome-ignore lint/suspicious/noDeprecatedImports: its successor is read by Grafana 12 and later alone
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

interface Panel {
  title: string;
  unit: 's' | 'reqps' | 'short' | 'percentunit' | 'bytes' | 'currencyUSD';
  expr: string;
  legend?: string;
  /** One number instead of a line. */
  isStat?: true;
}

type Rows = Readonly<Record<string, readonly Panel[]>>;

const rate = (metric: string, labels = '') =>
  `rate(${metric}${labels === '' ? '' : `{${labels}}`}[$__rate_interval])`;
const quantile = (metric: string, by: string, share = 0.95) =>
  `histogram_quantile(${share}, sum by (le, ${by}) (${rate(`${metric}_bucket`)}))`;

const calls: Rows = {
  'Service levels': [
    { title: 'Calls failed', unit: 'percentunit', expr: 'inferry:calls_failed:ratio_rate1h', isStat: true },
    { title: 'Polls late', unit: 'percentunit', expr: 'inferry:polls_late:ratio_rate1h', isStat: true },
    {
      title: 'Submits that nobody can tell about',
      unit: 'short',
      expr: 'sum(inferry_run_duration_seconds_count{error_type="submit_unknown"}) or vector(0)',
      isStat: true,
    },
    { title: 'Open waits', unit: 'short', expr: 'sum(inferry_gateway_open_waits)', isStat: true },
  ],
  Calls: [
    {
      title: 'Calls by tool',
      unit: 'reqps',
      expr: `sum by (inferry_mount, gen_ai_tool_name) (${rate('mcp_server_operation_duration_seconds_count', 'mcp_method_name="tools/call"')})`,
      legend: '{{inferry_mount}} {{gen_ai_tool_name}}',
    },
    {
      title: 'Calls by outcome',
      unit: 'reqps',
      expr: `sum by (outcome) (${rate('inferry_gateway_requests_total')})`,
      legend: '{{outcome}}',
    },
    {
      title: '95 % of calls are answered within',
      unit: 's',
      expr: quantile('mcp_server_operation_duration_seconds', 'gen_ai_tool_name'),
      legend: '{{gen_ai_tool_name}}',
    },
    {
      title: 'Failed calls by operation and code',
      unit: 'reqps',
      expr: `sum by (messaging_destination_name, error_type) (${rate('messaging_process_duration_seconds_count', 'error_type!=""')})`,
      legend: '{{messaging_destination_name}} {{error_type}}',
    },
    {
      title: 'Refused at the door',
      unit: 'reqps',
      expr: `sum by (code) (${rate('inferry_gateway_refusals_total')})`,
      legend: '{{code}}',
    },
    {
      title: 'Credentials known from before',
      unit: 'percentunit',
      expr: `sum(${rate('inferry_gateway_credential_lookups_total', 'result="hit"')}) / sum(${rate('inferry_gateway_credential_lookups_total')})`,
    },
  ],
};

const runs: Rows = {
  Runs: [
    {
      title: 'Accepted',
      unit: 'reqps',
      expr: `sum by (gen_ai_provider_name) (${rate('inferry_run_accepted_total')})`,
      legend: '{{gen_ai_provider_name}}',
    },
    {
      title: 'Ended',
      unit: 'reqps',
      expr: `sum by (inferry_run_status, error_type) (${rate('inferry_run_duration_seconds_count')})`,
      legend: '{{inferry_run_status}} {{error_type}}',
    },
    {
      title: '95 % of runs end within',
      unit: 's',
      expr: quantile('inferry_run_duration_seconds', 'gen_ai_provider_name'),
      legend: '{{gen_ai_provider_name}}',
    },
    {
      title: 'Open runs',
      unit: 'short',
      expr: 'max by (gen_ai_provider_name, inferry_run_phase) (inferry_run_open)',
      legend: '{{gen_ai_provider_name}} {{inferry_run_phase}}',
    },
  ],
  Pollers: [
    {
      title: '99 % of runs are taken up within',
      unit: 's',
      expr: quantile('inferry_poller_lateness_seconds', 'inferry_work', 0.99),
      legend: '{{inferry_work}}',
    },
    { title: 'Behind', unit: 's', expr: 'inferry_poller_behind_seconds', legend: '{{instance}}' },
    { title: 'Leases', unit: 'short', expr: 'inferry_poller_leases', legend: '{{instance}}' },
    {
      title: 'Places',
      unit: 'percentunit',
      expr: 'max by (inferry_work) (inferry_poller_places_used / inferry_poller_places)',
      legend: '{{inferry_work}}',
    },
  ],
  Platforms: [
    {
      title: 'Calls to platforms',
      unit: 'reqps',
      expr: `sum by (gen_ai_provider_name, gen_ai_operation_name, error_type) (${rate('gen_ai_client_operation_duration_seconds_count')})`,
      legend: '{{gen_ai_provider_name}} {{gen_ai_operation_name}} {{error_type}}',
    },
    {
      title: '95 % of calls to platforms are answered within',
      unit: 's',
      expr: quantile('gen_ai_client_operation_duration_seconds', 'gen_ai_provider_name'),
      legend: '{{gen_ai_provider_name}}',
    },
    {
      title: 'Since a provider was heard of',
      unit: 's',
      expr: 'min by (gen_ai_provider_name) (inferry_catalog_age_seconds)',
      legend: '{{gen_ai_provider_name}}',
    },
    {
      title: 'Models',
      unit: 'short',
      expr: 'max by (gen_ai_provider_name) (inferry_catalog_models)',
      legend: '{{gen_ai_provider_name}}',
    },
  ],
  Money: [
    {
      title: 'Spent within an hour',
      unit: 'currencyUSD',
      expr: 'sum by (gen_ai_provider_name, inferry_run_currency) (increase(inferry_run_cost_total[1h]))',
      legend: '{{gen_ai_provider_name}} {{inferry_run_currency}}',
    },
    {
      title: 'Held by open runs',
      unit: 'currencyUSD',
      expr: 'max by (gen_ai_provider_name, inferry_run_currency) (inferry_run_reserved)',
      legend: '{{gen_ai_provider_name}} {{inferry_run_currency}}',
    },
    {
      title: 'Refused',
      unit: 'reqps',
      expr: `sum by (error_type) (${rate('inferry_run_refused_total')})`,
      legend: '{{error_type}}',
    },
    {
      title: 'Callers told of ended runs',
      unit: 'reqps',
      expr: `sum by (outcome) (${rate('inferry_webhook_deliveries_total')})`,
      legend: '{{outcome}}',
    },
  ],
};

const machinery: Rows = {
  Bus: [
    {
      title: '99 % of requests between services take',
      unit: 's',
      expr: quantile('messaging_client_operation_duration_seconds', 'messaging_destination_name', 0.99),
      legend: '{{messaging_destination_name}}',
    },
    {
      title: 'Requests by who answers',
      unit: 'reqps',
      expr: `sum by (messaging_destination_name) (${rate('messaging_process_duration_seconds_count')})`,
      legend: '{{messaging_destination_name}}',
    },
  ],
  Stores: [
    {
      title: '99 % of queries take',
      unit: 's',
      expr: quantile('db_client_operation_duration_seconds', 'db_query_summary', 0.99),
      legend: '{{db_query_summary}}',
    },
    {
      title: 'Queries',
      unit: 'reqps',
      expr: `sum by (db_query_summary) (${rate('db_client_operation_duration_seconds_count')})`,
      legend: '{{db_query_summary}}',
    },
    {
      title: 'Files stored',
      unit: 'bytes',
      expr: `sum by (source) (${rate('inferry_files_size_bytes_total')})`,
      legend: '{{source}}',
    },
    {
      title: 'Limits counted without Redis',
      unit: 'reqps',
      expr: `sum by (fallback) (${rate('inferry_gateway_limits_away_total')}) or vector(0)`,
    },
  ],
  Sign: [
    {
      title: 'Sign-ins',
      unit: 'reqps',
      expr: `sum by (driver, outcome) (${rate('inferry_auth_sign_ins_total')})`,
      legend: '{{driver}} {{outcome}}',
    },
    {
      title: 'Keys given out by the vault',
      unit: 'reqps',
      expr: `sum by (error_type) (${rate('messaging_process_duration_seconds_count', 'messaging_destination_name="rpc.v1.auth.open_credential"')})`,
      legend: '{{error_type}}',
    },
  ],
  Processes: [
    {
      title: 'Processor',
      unit: 'short',
      expr: `sum by (instance) (${rate('process_cpu_time_seconds_total')})`,
      legend: '{{instance}}',
    },
    { title: 'Memory', unit: 'bytes', expr: 'process_memory_usage_bytes', legend: '{{instance}}' },
    { title: 'Late timers', unit: 's', expr: 'nodejs_eventloop_delay_p99_seconds', legend: '{{instance}}' },
    {
      title: 'Replicas',
      unit: 'short',
      expr: 'count by (service_name) (target_info)',
      legend: '{{service_name}}',
    },
  ],
};

/** Each dashboard's file with its text, and the expressions in it. */
export function dashboardFiles(): Record<string, string> {
  const made = { calls, runs, machinery };
  return Object.fromEntries(
    Object.entries(made).map(([name, rows]) => [
      `deploy/chart/files/dashboards/${name}.json`,
      `${JSON.stringify(toDashboard(name, rows), undefined, 1)}\n`,
    ]),
  );
}

function toDashboard(name: string, rows: Rows): Dashboard {
  const builder = new DashboardBuilder(`Inferry: ${name}`)
    .uid(`inferry-${name}`)
    .tags(['inferry'])
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  for (const [title, panels] of Object.entries(rows)) {
    builder.withRow(new RowBuilder(title === 'Sign' ? 'Sign-in and keys' : title));
    for (const panel of panels) builder.withPanel(toPanel(panel));
  }
  return builder.build();
}

function toPanel({ title, unit, expr, legend, isStat }: Panel): StatBuilder | TimeseriesBuilder {
  const query = new DataqueryBuilder()
    .expr(expr)
    .legendFormat(legend ?? '')
    .exemplar(expr.includes('_bucket'));
  const source = { type: 'prometheus', uid: '$datasource' };
  const panel =
    isStat === true ? new StatBuilder().height(4).span(6) : new TimeseriesBuilder().height(8).span(12);
  return panel.title(title).unit(unit).datasource(source).withTarget(query);
}
