/** Stored files, made by runs or uploaded, as a wall of them: opened, downloaded, deleted. */
import type { Asset } from '@inferry/contracts';
import { type Branding, displayText, type Html, html } from '@inferry/pages';
import type { Notice } from '../account/account-view.ts';
import { notRead } from '../account/section.ts';
import { ago, day } from '../account/words.ts';
import type { PageParts } from '../layout.ts';
import { consolePage, type Viewer } from './frame.ts';
import { filePlace, fileUrl, previewUrl, waveUrl } from './media.ts';
import { addressOf, runUrl } from './runs-page.ts';

/** As the library names them. */
export const fileKinds = ['image', 'video', 'audio', 'text', '3d', 'file'] as const;

const kindWords = {
  image: 'Pictures',
  video: 'Films',
  audio: 'Sounds',
  text: 'Texts',
  '3d': '3D',
  file: 'Others',
} as const;

export interface FilesView extends Viewer {
  filter: { text: string; kind: string };
  isFirst: boolean;
  /** Undefined: they could not be read. */
  page: { files: readonly Asset[]; nextCursor?: string | undefined } | undefined;
  notice?: Notice | undefined;
}

export function filesPage(branding: Branding, view: FilesView): PageParts {
  const { page, filter, isFirst, notice } = view;
  const isFiltered = filter.text !== '' || filter.kind !== '';
  const wall =
    page === undefined
      ? notRead
      : page.files.length === 0
        ? html`<p class="empty">${isFiltered ? 'No file is like that.' : isFirst ? 'There is no file yet: what runs make and clients upload is kept here.' : 'There are no older files.'}</p>`
        : html`<ul class="wall">${page.files.map((file) => tile(file, view))}</ul>`;
  return consolePage(branding, view, {
    title: 'Files',
    tab: 'files',
    notice,
    body: html`${filterForm(view, isFiltered)}${wall}${pager(view)}`,
  });
}

function filterForm({ filter }: FilesView, isFiltered: boolean): Html {
  const options = [['', 'All kinds'], ...fileKinds.map((kind) => [kind, kindWords[kind]])];
  return html`<form method="get" action="/account/files" class="filter" role="search">
<div class="field grow"><label for="text">Search</label>
<input id="text" name="text" type="search" value="${filter.text}" maxlength="200" placeholder="Words of the prompt or the name"></div>
<div class="field"><label for="kind">Kind</label><select id="kind" name="kind">${options.map(
    ([value = '', label = '']) =>
      html`<option value="${value}"${value === filter.kind && html` selected`}>${label}</option>`,
  )}</select></div>
<button class="button">Show</button>${isFiltered && html`<a class="clear" href="/account/files">Clear</a>`}</form>`;
}

function pager({ page, filter, isFirst }: FilesView): Html | undefined {
  const next = page?.nextCursor;
  if (isFirst && next === undefined) return undefined;
  return html`<nav class="pager" aria-label="Pages">
${!isFirst && html`<a class="button slim" href="${addressOf('/account/files', filter)}">Newest</a>`}
${next !== undefined && html`<a class="button slim" href="${addressOf('/account/files', { ...filter, cursor: next })}">Older files</a>`}</nav>`;
}

function tile(file: Asset, { csrf, now }: FilesView): Html {
  const place = filePlace(file.asset_id);
  const name = displayText(file.prompt ?? file.file_name ?? file.model ?? 'A file', 90);
  const facts = [
    file.created_at === undefined ? undefined : ago(Date.parse(file.created_at), now),
    file.expires_at === undefined ? undefined : `kept until ${day(Date.parse(file.expires_at))}`,
    ...(file.tags ?? []).map((tag) => `#${displayText(tag, 30)}`),
  ].filter((fact) => fact !== undefined);
  const { run_id: runId } = file;
  const title = runId === undefined ? name : html`<a href="${runUrl({ run_id: runId })}">${name}</a>`;
  return html`<li><a class="face" href="${fileUrl(place)}">${face(place, file)}<span class="unseen">Open: ${name}</span></a>
<p class="name">${title}</p>
<p class="small muted">${facts.join(' · ')}</p>
<div class="links"><a href="${fileUrl(place)}" download aria-label="Download: ${name}">Download</a>
<details><summary class="link">Delete<span class="unseen"> ${name}</span></summary>
<form method="post" action="${place}/delete"><input type="hidden" name="csrf" value="${csrf}">
<button class="button slim bad">Delete for good<span class="unseen"> ${name}</span></button></form></details></div></li>`;
}

function face(place: string, { kind = 'file' }: Asset): Html {
  if (kind === 'image' || kind === 'video')
    return html`<img src="${previewUrl(place, 480)}" alt="" loading="lazy" decoding="async">`;
  if (kind === 'audio')
    return html`<img class="wave" src="${waveUrl(place)}?wide=1" alt="" loading="lazy" decoding="async">`;
  return html`<span class="word">${displayText(kind, 12)}</span>`;
}
