/** What came out of runs, as it is looked at: small pictures, players, waveforms, texts and links. */
import type { RunOutput } from '@inferry/contracts';
import { displayText, type Html, html } from '@inferry/pages';

type Kind = 'image' | 'video' | 'audio' | 'text' | 'other';

export function kindOf({ kind, mime_type: type = '', text }: RunOutput): Kind {
  const word = kind ?? type.split('/')[0] ?? '';
  if (word === 'image' || word === 'video' || word === 'audio') return word;
  return text !== undefined || word === 'text' || word === 'json' ? 'text' : 'other';
}

/** Where an output of a run is looked at and fetched: pages hold no address that opens it for others. */
export function outputPlace(runId: string, index: number): string {
  return `/account/runs/${encodeURIComponent(runId)}/outputs/${index}`;
}

/** The same of a stored file. */
export function filePlace(assetId: string): string {
  return `/account/files/${encodeURIComponent(assetId)}`;
}

export function fileUrl(place: string): string {
  return `${place}/file`;
}

export function previewUrl(place: string, px: 160 | 480 | 1200): string {
  return `${place}/preview?px=${px}`;
}

export function waveUrl(place: string): string {
  return `${place}/wave`;
}

/** Whether it is a file that is kept here, or a text: what a platform still holds is only linked. */
function isOurs({ asset_id: id }: RunOutput): boolean {
  return id !== undefined;
}

/** The first output of a run as a small square; what cannot be seen is named. */
export function thumbnail(runId: string, outputs: readonly RunOutput[] | undefined): Html {
  const [output] = outputs ?? [];
  if (output === undefined) return html`<span class="thumb none" aria-hidden="true"></span>`;
  const place = outputPlace(runId, output.index ?? 0);
  switch (kindOf(output)) {
    case 'image':
      return html`<span class="thumb">${picture(place)}</span>`;
    case 'video':
      return html`<span class="thumb film">${picture(place)}</span>`;
    case 'audio':
      return html`<span class="thumb"><img src="${waveUrl(place)}" alt="" width="56" height="56" loading="lazy" decoding="async"></span>`;
    case 'text':
      return html`<span class="thumb word" aria-hidden="true">Aa</span>`;
    default:
      return html`<span class="thumb word" aria-hidden="true">${displayText(output.kind ?? 'file', 6)}</span>`;
  }
}

function picture(place: string): Html {
  return html`<img src="${previewUrl(place, 160)}" alt="" width="56" height="56" loading="lazy" decoding="async">`;
}

/** An output at its size, with what is needed to play it. */
export function wholeOutput(runId: string, output: RunOutput, position: number): Html {
  const index = output.index ?? position;
  const place = outputPlace(runId, index);
  const name = `Output ${index + 1}`;
  const shown = isOurs(output) ? ownOutput(place, output, name) : undefined;
  const { text, url } = output;
  return html`<figure class="output">${shown}
${text !== undefined && html`<pre class="text" tabindex="0">${text}${output.truncated === true && html`\n…`}</pre>`}
<figcaption class="small"><span class="muted">${captionOf(output, name)}</span>
<span class="links">${isOurs(output) && html`<a href="${fileUrl(place)}">Open</a><a href="${fileUrl(place)}" download>Download</a>`}${!isOurs(output) && url !== undefined && foreignLink(url)}</span></figcaption></figure>`;
}

function ownOutput(place: string, output: RunOutput, name: string): Html | undefined {
  const url = fileUrl(place);
  switch (kindOf(output)) {
    case 'image':
      return html`<a href="${url}" class="picture"><img src="${url}" alt="${name}" loading="lazy" decoding="async"></a>`;
    case 'video':
      return html`<video controls preload="metadata" poster="${previewUrl(place, 1200)}" src="${url}" aria-label="${name}"></video>`;
    case 'audio':
      return html`<div class="sound"><img src="${waveUrl(place)}?wide=1" alt="" loading="lazy">
<audio controls preload="none" src="${url}" aria-label="${name}"></audio></div>`;
    default:
      return undefined;
  }
}

/** A file that its platform keeps: it is told who does not ask, and is not loaded into the page. */
function foreignLink(url: string): Html | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || !['https:', 'http:'].includes(parsed.protocol)) return undefined;
  return html`<a href="${parsed.href}" rel="noreferrer noopener">Open at ${displayText(parsed.hostname, 60)}</a>`;
}

function captionOf({ kind, mime_type: type, bytes, expires_at: end }: RunOutput, name: string): string {
  const facts = [type ?? kind, bytes === undefined ? undefined : sizeOf(bytes)];
  const until = end === undefined ? undefined : `kept until ${end.slice(0, 10)}`;
  const told = [...facts, until].filter((fact) => fact !== undefined);
  return displayText(`${name}${told.length === 0 ? '' : ` · ${told.join(' · ')}`}`, 200);
}

/** `4.2 MB`. */
export function sizeOf(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const at = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** at;
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

/** A waveform as a picture of its own, in colours that are seen on light and dark. */
export function waveform(
  peaks: readonly number[],
  colours: { light: string; dark: string },
  isWide: boolean,
): string {
  const [width, height] = isWide ? [600, 72] : [56, 56];
  const count = isWide ? 120 : 14;
  const bars = resample(peaks, count);
  const step = width / count;
  const rects = bars.map((peak, index) => {
    const tall = Math.max(2, peak * (height - 8));
    const [x, y] = [(index * step + step * 0.2).toFixed(1), ((height - tall) / 2).toFixed(1)];
    return `<rect x="${x}" y="${y}" width="${(step * 0.6).toFixed(1)}" height="${tall.toFixed(1)}" rx="1"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">
<style>rect{fill:${colours.light}}@media (prefers-color-scheme:dark){rect{fill:${colours.dark}}}</style>
${rects.join('')}</svg>`;
}

/** The highest of what falls into each; a flat line where nothing is known. */
function resample(peaks: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [(index * peaks.length) / count, ((index + 1) * peaks.length) / count];
    const part = peaks.slice(Math.floor(from), Math.max(Math.floor(from) + 1, Math.ceil(to)));
    return part.reduce((most, peak) => Math.max(most, peak), 0);
  });
}
