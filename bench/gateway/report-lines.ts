import type { Figure, Figures, Ratio } from './summary.ts';
import { type Target, targets } from './targets.ts';

/** What is aimed at: at least `least` of the peer. */
export interface Aim {
  least: number;
  aim?: number;
}

/** The ratios that a person looks for first; the figures have all of them. */
export function ratioLines(
  ratios: Readonly<Record<string, Ratio>>,
  aims: Readonly<Record<string, Aim>>,
): string[] {
  const shown = Object.entries(ratios).filter(
    ([name]) => !name.startsWith('embedded_') || /_to_(l1|sdk_v2|canonical)$/.test(name),
  );
  return shown.map(([name, { value, low, high, measured }]) => {
    const spread = `(${low.toFixed(2)} to ${high.toFixed(2)}; as it came ${measured.toFixed(2)})`;
    return `${name.padEnd(36)} ${value.toFixed(2).padStart(6)} ${spread.padEnd(40)}${verdict(value, aims[name])}`;
  });
}

function verdict(value: number, wanted: Aim | undefined): string {
  if (wanted === undefined) return '';
  const { least, aim } = wanted;
  if (value < least) return `MISSED, at least ${least}`;
  if (aim === undefined) return `met, at least ${least}`;
  return value < aim ? `met, at least ${least}, aim ${aim}` : `aim of ${aim} met`;
}

const columns = ['req/s of a core', 'as it came', 'us/req', 'p50', 'p99', 'p50 at 1', 'p99 at 1', 'share'];

/** One block for each workload, one line for each server. */
export function tableLines(figures: Figures): string[] {
  const names = new Set(targets.flatMap(({ workloads }) => workloads.map(({ name }) => name)));
  return [...names].flatMap((name) => {
    const rows = targets.flatMap((target) => rowOf(target, figures[target.name]?.[name]));
    const label = targets
      .flatMap(({ workloads }) => workloads)
      .find((workload) => workload.name === name)?.label;
    const head = `${(label ?? name).padEnd(58)}${columns.map((column) => column.padStart(16)).join('')}`;
    return rows.length === 0 ? [] : ['', head, ...rows];
  });
}

function rowOf({ label }: Target, byConnections: Readonly<Record<string, Figure>> | undefined): string[] {
  const many = byConnections?.['16'];
  const one = byConnections?.['1'];
  if (many === undefined) return [];
  const cells = [
    String(many.per_core_second),
    String(many.per_second),
    many.cpu_us.toFixed(0),
    `${many.p50_ms.toFixed(2)} ms`,
    `${many.p99_ms.toFixed(2)} ms`,
    one === undefined ? '' : `${one.p50_ms.toFixed(2)} ms`,
    one === undefined ? '' : `${one.p99_ms.toFixed(2)} ms`,
    many.server_share.toFixed(2),
  ];
  return [`  ${label.padEnd(56)}${cells.map((cell) => cell.padStart(16)).join('')}`];
}
