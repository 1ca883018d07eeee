// What came out of a run: players for what browsers play, text as text, and a row for everything else.
import { el, icon, shownUrl, webUrl } from './dom.js';

/**
 * @typedef {import('./run-state.js').Output} Output
 * @typedef {object} OutputActions
 * @property {readonly string[]} origins
 * @property {((url: string) => void) | undefined} open
 * @property {(() => void) | undefined} readMore
 *
 * @typedef {OutputActions & { name: string, isOnly: boolean }} OutputContext
 */

/**
 * @param {readonly Output[]} outputs
 * @param {OutputActions} actions
 */
export function showOutputs(outputs, actions) {
  const pictures = outputs.filter((output) => output.kind === 'image');
  const isGrid = pictures.length > 1 && pictures.length === outputs.length;
  const isMany = pictures.length > 2 && pictures.length !== 4;
  const list = el('div', { class: `outputs${isGrid ? ' grid' : ''}${isMany ? ' many' : ''}` });
  for (const [index, output] of outputs.entries()) {
    const name = outputs.length === 1 ? 'Output' : `Output ${index + 1}`;
    list.append(showOutput(output, { ...actions, name, isOnly: outputs.length === 1 }));
  }
  return list;
}

/**
 * @param {Output} output
 * @param {OutputContext} context
 */
function showOutput(output, context) {
  if (output.text !== undefined) return showText(output, context);
  const url = shownUrl(output.url, context.origins);
  const media = url === undefined ? undefined : mediaOf(output, url, context.name);
  if (media === undefined) return showFile(output, context);
  const figure = el('figure', { class: `output ${output.kind}` }, media, buttonOf(output, context));
  // A host may allow less than was asked for, and a link may have expired.
  media.addEventListener('error', () => figure.replaceWith(showFile(output, context)), { once: true });
  return figure;
}

/**
 * @param {Output} output
 * @param {string} url
 * @param {string} name
 */
function mediaOf({ kind }, url, name) {
  if (kind === 'image')
    return el('img', { src: url, alt: `${name}: a generated picture`, decoding: 'async' });
  if (kind === 'video') {
    return el('video', {
      src: url,
      controls: true,
      playsinline: true,
      preload: 'metadata',
      'aria-label': `${name}: video`,
    });
  }
  if (kind === 'audio') {
    return el('audio', { src: url, controls: true, preload: 'metadata', 'aria-label': `${name}: sound` });
  }
  return undefined;
}

/**
 * @param {Output} output
 * @param {OutputContext} context
 */
function showText(output, { name, readMore }) {
  const isCode = output.kind === 'json' || (output.mimeType ?? '').includes('json');
  const body = el(isCode ? 'pre' : 'div', {
    class: 'text',
    tabindex: 0,
    role: 'group',
    'aria-label': name,
    dir: 'auto',
  });
  body.textContent = isCode ? pretty(output.text ?? '') : (output.text ?? '');
  const more =
    output.isCut && readMore !== undefined
      ? el('button', { type: 'button', class: 'quiet', click: readMore }, 'Show all')
      : undefined;
  return el('div', { class: 'output words' }, body, more);
}

/** @param {string} json */
function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), undefined, 2);
  } catch {
    // Cut short, or not JSON after all: shown as it is.
    return json;
  }
}

/**
 * @param {Output} output
 * @param {OutputContext} context
 */
function showFile(output, context) {
  const { kind, mimeType, bytes } = output;
  const facts = [mimeType ?? kind, bytes === undefined ? undefined : size(bytes)].filter(Boolean).join(' · ');
  const known = kind === 'image' || kind === 'video' || kind === 'audio' ? kind : 'file';
  return el(
    'div',
    { class: 'output file' },
    icon(known),
    el('div', { class: 'names' }, el('strong', {}, context.name), el('span', { class: 'muted' }, facts)),
    buttonOf(output, context),
  );
}

/**
 * The only output has its button at the foot of the card.
 * @param {Output} output
 * @param {OutputContext} context
 */
function buttonOf(output, context) {
  return context.isOnly ? undefined : openButton(output, context);
}

/**
 * @param {Output} output
 * @param {Pick<OutputContext, 'open' | 'name'>} context
 */
export function openButton(output, { open, name }) {
  const url = webUrl(output.url);
  if (url === undefined) return undefined;
  const label = el('span', { class: 'label' }, 'Open');
  if (open === undefined) {
    const attributes = {
      class: 'button',
      href: url,
      target: '_blank',
      rel: 'noopener noreferrer',
      'aria-label': `Open ${name}`,
    };
    return el('a', attributes, icon('open'), label);
  }
  return el(
    'button',
    { type: 'button', 'aria-label': `Open ${name}`, click: () => open(url) },
    icon('open'),
    label,
  );
}

/** @param {number} bytes */
function size(bytes) {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(0)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
