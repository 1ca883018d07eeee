import { describe, expect, it } from 'vitest';
import { proxiesOf } from './proxies.ts';

const proxy = 'http://proxy.example:3128';
const other = 'http://other.example:3128';

describe('the proxies of an environment', () => {
  it.each([{}, { NO_PROXY: 'a.example' }, { HTTPS_PROXY: '', http_proxy: '' }])('are none in %j', (env) => {
    expect(proxiesOf(env)).toBeUndefined();
  });

  it('are what the lower name says before the upper one', () => {
    expect(proxiesOf({ HTTPS_PROXY: other, https_proxy: proxy, HTTP_PROXY: other })).toMatchObject({
      httpsProxy: proxy,
      httpProxy: other,
    });
  });

  it('leave out the hosts that are named, and always this machine', () => {
    const { noProxy } = proxiesOf({ HTTP_PROXY: proxy, NO_PROXY: 'a.example,b.example' }) ?? {};

    expect(noProxy?.split(',')).toEqual(['a.example', 'b.example', 'localhost', '127.0.0.1', '[::1]']);
  });

  it('leave out everything where that is asked', () => {
    expect(proxiesOf({ HTTP_PROXY: proxy, NO_PROXY: '*' })?.noProxy).toBe('*');
  });
});
