import { describe, expect, it } from 'vitest';
import { displayText, html } from './html.ts';

describe('html', () => {
  it('escapes text in elements and in quoted attributes', () => {
    const hostile = `"><script>alert('x')</script>&`;

    const markup = html`<a title="${hostile}">${hostile}</a>`.text;

    expect(markup).not.toMatch(/<script|"">/);
    expect(markup).toContain('&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;');
  });

  it('keeps markup that it made itself, one by one or in a list', () => {
    const items = ['a', 'b'].map((item) => html`<li>${item}</li>`);

    expect(html`<ul>${items}</ul>`.text).toBe('<ul><li>a</li><li>b</li></ul>');
  });

  it('leaves out what is undefined or false', () => {
    expect(html`<p${undefined}>${false}${0}</p>`.text).toBe('<p>0</p>');
  });
});

describe('displayText', () => {
  it('drops characters that hide or turn text around', () => {
    expect(displayText('Claude\u202Egnp\u200B.exe\nLine')).toBe('Claude gnp .exe Line');
  });

  it('cuts what is too long without breaking a character', () => {
    expect(displayText('👍'.repeat(90), 10)).toBe(`${'👍'.repeat(9)}…`);
  });
});
