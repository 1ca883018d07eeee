/** Files that came out of runs, as a wall of them. */
import type { BrowsedRun, RunOutput } from '@inferry/contracts';
import { type Branding, displayText, type Html, html } from '@inferry/pages';
import { notRead } from '../account/section.ts';
import { ago } from '../account/words.ts';
import type { PageParts } from '../layout.ts';
import { consolePage, type Viewer } from './frame.ts';
import { fileUrl, kindOf, previewUrl, sizeOf, waveUrl } from './media.ts';
import { addressOf, runUrl } from './runs-page.ts';

export interface FilesView extends Viewer {
  text: string;
  isFirst: boolean;
  page: { runs: readonly BrowsedRun[]; nextCursor?: string | undefined } | undefined;
}

export function filesPage(branding: Branding, view: FilesView): PageParts {
  const { page, text, isFirst, now } = view;
  const tiles = (page?.runs ?? []).flatMap((run) =>
    (run.outputs ?? []).flatMap((output, position) =>
      output.asset_id === undefined ? [] : [tile(run, { ...output, index: output.index ?? position }, now)],
    ),
  );
  const wall =
    page === undefined
      ? notRead
      : tiles.length === 0
        ? html`<p class="empty">${text === '' && isFirst ? 'No run has made a file yet.' : 'No file is like that among the runs that were looked at.'}</p>`
        : html`<ul class="wall">${tiles}</ul>`;
  return consolePage(branding, view, {
    title: 'Files',
    tab: 'files',
    body: html`<form method="get" action="/account/files" class="filter" role="search">
<div class="field grow"><label for="text">Search</label><input id="text" name="text" type="search" value="${text}" maxlength="200" placeholder="Model or prompt"></div>
<button class="button">Show</button>${text !== '' && html`<a class="clear" href="/account/files">Clear</a>`}</form>
${wall}${pager(view)}`,
  });
}

function pager({ page, text, isFirst }: FilesView): Html | undefined {
  const next = page?.nextCursor;
  if (isFirst && next === undefined) return undefined;
  return html`<nav class="pager" aria-label="Pages">
${!isFirst && html`<a class="button slim" href="${addressOf('/account/files', { text })}">Newest</a>`}
${next !== undefined && html`<a class="button slim" href="${addressOf('/account/files', { text, cursor: next })}">Older files</a>`}</nav>`;
}

function tile(run: BrowsedRun, output: RunOutput & { index: number }, now: number): Html {
  const place = { runId: run.run_id, index: output.index };
  const name = displayText(run.about ?? run.model ?? 'A file', 90);
  const facts = [
    output.bytes === undefined ? undefined : sizeOf(output.bytes),
    run.created_at === undefined ? undefined : ago(Date.parse(run.created_at), now),
  ].filter((fact) => fact !== undefined);
  return html`<li><a class="face" href="${fileUrl(place)}" aria-label="Open: ${name}">${face(place, output)}</a>
<p class="name"><a href="${runUrl(run)}">${name}</a></p>
<p class="small muted">${facts.join(' · ')} <a href="${fileUrl(place)}" download aria-label="Download: ${name}">Download</a></p></li>`;
}

function face(place: { runId: string; index: number }, output: RunOutput): Html {
  const kind = kindOf(output);
  if (kind === 'image' || kind === 'video')
    return html`<img src="${previewUrl(place, 480)}" alt="" loading="lazy" decoding="async">`;
  if (kind === 'audio')
    return html`<img class="wave" src="${waveUrl(place)}?wide=1" alt="" loading="lazy" decoding="async">`;
  return html`<span class="word">${displayText(output.kind ?? 'file', 12)}</span>`;
}
