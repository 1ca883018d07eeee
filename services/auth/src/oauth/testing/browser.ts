/** A browser as far as OAuth sees one: cookies, redirects within the site, forms. It runs no scripts. */
export class TestBrowser {
  readonly #cookies = new Map<string, string>();
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies;
  }

  /** Follows redirects as long as they stay on the site. */
  async open(url: string, init: RequestInit = {}): Promise<Page> {
    let target = new URL(url, this.#origin);
    let options = init;
    for (let hops = 0; hops < 10; hops += 1) {
      const response = await this.#send(target, options);
      const location = response.headers.get('location');
      const next = location === null ? undefined : new URL(location, target);
      if (next === undefined || next.origin !== this.#origin)
        return {
          url: target.href,
          status: response.status,
          headers: response.headers,
          location,
          html: await response.text(),
        };
      await response.arrayBuffer();
      target = next;
      options = {};
    }
    throw new Error('Too many redirects.');
  }

  /** Sends the form of a page as a click on one of its buttons does. */
  submit(
    page: Page,
    fields: Record<string, string | string[]>,
    headers: Record<string, string> = {},
  ): Promise<Page> {
    const action = /<form[^>]* action="([^"]+)"/.exec(page.html)?.[1] ?? page.url;
    const body = new URLSearchParams({ csrf: /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '' });
    for (const [name, values] of Object.entries(fields)) {
      if (name === 'csrf') body.delete('csrf');
      for (const value of [values].flat()) body.append(name, value);
    }
    return this.open(new URL(action, page.url).href, {
      method: 'POST',
      body,
      headers: { origin: this.#origin, 'sec-fetch-site': 'same-origin', ...headers },
    });
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#cookies.size > 0)
      headers.set('cookie', [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';', 1);
      const [name = '', ...value] = pair.split('=');
      this.#cookies.set(name, value.join('='));
    }
    return response;
  }
}

export interface Page {
  url: string;
  status: number;
  headers: Headers;
  /** Where a redirect away from the site goes. */
  location: string | null;
  html: string;
}

/** Where the page that ends a sign-in goes on to. */
export function nextOf(page: Page): URL {
  const target = page.location ?? /http-equiv="refresh" content="0;url=([^"]+)"/.exec(page.html)?.[1];
  if (target === undefined || target === null)
    throw new Error(`The page goes nowhere: ${page.status} ${page.html}`);
  return new URL(target.replaceAll('&amp;', '&').replaceAll('&#39;', "'"));
}
