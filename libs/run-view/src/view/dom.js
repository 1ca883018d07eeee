// Elements without markup: everything that came from elsewhere becomes text or is checked, so nothing of it can act.

/**
 * @typedef {Record<string, string | number | boolean | undefined | ((event: Event) => void)>} Attributes
 * @param {string} tag
 * @param {Attributes} [attributes] A function is a listener for the event of that name.
 * @param {(Node | string | undefined)[]} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

const paths = {
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01',
  video: 'M4 6h11v12H4zM15 10l5-3v10l-5-3',
  audio: 'M5 10v4M9 7v10M13 4v16M17 8v8M20.5 11v2',
  text: 'M5 6h14M5 10h14M5 14h14M5 18h8',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  open: 'M14 4h6v6M20 4l-9 9M10 5H5v14h14v-5',
  stop: 'M4 4h16v16H4z',
  alert: 'M12 4 2.5 20h19zM12 10v4M12 17h.01',
  check: 'M5 12.5 10 17 19 7',
  spark: 'M12 3v5M12 16v5M3 12h5M16 12h5M6 6l3 3M15 15l3 3M18 6l-3 3M9 15l-3 3',
  expand: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
};

/** @typedef {keyof typeof paths} IconName */

/**
 * A line drawing beside a word, so it says nothing to who cannot see it.
 * @param {IconName} name
 */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', paths[name]);
  svg.append(path);
  return svg;
}

/**
 * What may be shown here: a URL of one of the deployment's own origins, which is what the policy lets load.
 * @param {string | undefined} url
 * @param {readonly string[]} origins
 */
export function shownUrl(url, origins) {
  const safe = webUrl(url);
  return safe !== undefined && origins.includes(new URL(safe).origin) ? safe : undefined;
}

/**
 * What may be opened outside.
 * @param {string | undefined} url
 * @returns {string | undefined}
 */
export function webUrl(url) {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { protocol, href } = new URL(url);
  return protocol === 'https:' || protocol === 'http:' ? href : undefined;
}
