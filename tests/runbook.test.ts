/** Every alert has a page that says what to do, a test of its own, and no page is of an alert that is gone. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboardFiles } from '../scripts/dashboards.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface Rules {
  groups: {
    rules: { alert?: string; annotations?: { runbook_url: string }; labels?: { severity: string } }[];
  }[];
}

const rules: Rules = parse(read('deploy/chart/files/rules.yaml'));
const alerts = rules.groups.flatMap((group) => group.rules).filter(({ alert }) => alert !== undefined);

it('has a page for each alert, and no other', () => {
  const pages = readdirSync(join(root, 'docs/runbook')).filter((file) => file !== 'README.md');

  expect(pages.sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
  for (const { alert, annotations, labels } of alerts) {
    expect([alert, annotations?.runbook_url]).toEqual([alert, `docs/runbook/${alert}.md`]);
    expect(labels?.severity).toMatch(/^(page|ticket)$/);
    expect(read('docs/runbook/README.md')).toContain(`[${alert}](${alert}.md)`);
    expect(read(`docs/runbook/${alert}.md`)).toMatch(/^## What to do\n\n1\. /m);
  }
});

it('tests each alert with made-up series', () => {
  const tested = read('tests/rules.test.yaml');

  expect(
    alerts.filter(({ alert }) => !tested.includes(`alertname: ${alert}\n`)).map(({ alert }) => alert),
  ).toEqual([]);
});

it('brings each alert about by its cause, in the trial that does so', () => {
  const trial = read('tests/trial/alerts.ts');

  expect(alerts.filter(({ alert }) => !trial.includes(`'${alert}'`)).map(({ alert }) => alert)).toEqual([]);
});

it('has dashboards that are written from their code', () => {
  for (const [file, text] of Object.entries(dashboardFiles()))
    expect([file, read(file)]).toEqual([file, text]);
});
