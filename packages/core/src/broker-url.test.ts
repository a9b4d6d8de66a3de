// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';

import { parseBrokers, redactUrl, resolveServerReferences } from './broker-url.ts';

const invalidUrl = expect.objectContaining({ code: 'INVALID_BROKER_URL' });
const hrefs = (brokers: Parameters<typeof parseBrokers>[0], hasDial = false) =>
  parseBrokers(brokers, hasDial).map(({ href }) => href);

describe('parseBrokers', () => {
  test.each([
    ['mqtt://localhost', 'mqtt://localhost:1883'],
    ['tcp://localhost', 'tcp://localhost:1883'],
    ['mqtts://localhost', 'mqtts://localhost:8883'],
    ['ssl://localhost', 'ssl://localhost:8883'],
    ['tls://localhost', 'tls://localhost:8883'],
    ['mqtt://localhost:1884', 'mqtt://localhost:1884'],
    ['mqtt://Broker.Example.COM', 'mqtt://broker.example.com:1883'],
    ['mqtt://127.0.0.1', 'mqtt://127.0.0.1:1883'],
    ['mqtt://[::1]:1884', 'mqtt://[::1]:1884'],
    ['mqtt://bücher.example', 'mqtt://xn--bcher-kva.example:1883'],
    [' mqtt://localhost ', 'mqtt://localhost:1883'],
    ['mqtt+unix:/run/mosquitto.sock', 'mqtt+unix:/run/mosquitto.sock'],
    ['mqtt+unix:///run/mosquitto.sock', 'mqtt+unix:///run/mosquitto.sock'],
  ])('%s is %s: the port of the scheme is filled in (S-022)', (given, href) => {
    expect(hrefs(given)).toEqual([href]);
    expect(hrefs(new URL(given))).toEqual([href]);
  });

  test('a list keeps its order (S-023)', () => {
    expect(hrefs(['mqtt://b', new URL('mqtt://a')])).toEqual(['mqtt://b:1883', 'mqtt://a:1883']);
  });

  test.each([undefined, '', [], null])('%j is MISSING_BROKER (S-125)', (brokers) => {
    expect(() => parseBrokers(brokers as undefined, false)).toThrow(
      expect.objectContaining({ code: 'MISSING_BROKER' }),
    );
  });

  test.each([
    'http://localhost',
    'ws://localhost',
    'wss://localhost',
    'mqtt://',
    'mqtt:localhost',
    'mqtt://:1883',
    'mqtt://a b',
    'mqtt://localhost:0',
    'mqtt://localhost:99999',
    'mqtt+unix:',
    'mqtt+unix:/',
    'mqtt+unix://run/mosquitto.sock',
    'mqtt+unix:/run/%zz.sock',
    'mqtt+unix:/run/%ff.sock',
    'mqtt+unix:/run/x%00.sock',
    '//localhost',
    'not a url',
    '%',
  ])('%s is refused (S-126, T-151)', (given) => {
    expect(() => parseBrokers(given, false)).toThrow(invalidUrl);
  });

  test.each([
    'localhost:1883',
    'localhost',
    '192.168.0.7:1883',
    'broker.example.com:8883',
    '[::1]:1883',
    'localhost:1883/x',
  ])('%s lacks a scheme, and the message says so', (given) => {
    expect(() => parseBrokers(given, false)).toThrow(invalidUrl);
    expect(() => parseBrokers(given, false)).toThrow(`did you mean "mqtt://${given}"?`);
    expect(() => parseBrokers(given, true)).toThrow(invalidUrl);
  });

  test('WebSocket without a dial says which package has it', () => {
    expect(() => parseBrokers('ws://localhost', false)).toThrow(/webSocketDial\(\)/);
  });

  test('a dial decides about schemes (S-024, T-152)', () => {
    const brokers = ['ws://localhost:8080/mqtt', 'quic://broker', 'mqtt+unix:/x', 'memory:broker'];
    expect(hrefs(brokers, true)).toEqual(brokers);
    expect(hrefs('mqtt://localhost', true)).toEqual(['mqtt://localhost:1883']);
  });

  test('credentials leave the address, percent-decoded', () => {
    const [broker] = parseBrokers('mqtt://us%40er:p%3Ass%F0%9F%94%91@host', false);
    expect(broker?.href).toBe('mqtt://host:1883');
    expect(broker).toMatchObject({ username: 'us@er', password: 'p:ss🔑' });
    expect(parseBrokers('mqtt://:only@host', false)[0]).toMatchObject({ username: undefined, password: 'only' });
    expect(parseBrokers('mqtt://host', false)[0]).toMatchObject({ username: undefined, password: undefined });
  });

  test('no error shows credentials', () => {
    const given = [
      'http://user:secret@host',
      'mqtt://user:secret@',
      'mqtt://us%FFer:secret@host',
      'user:secret@host:1883',
    ];
    for (const each of [...given, 'mqtt://user:se/cret@host:x', 'mqtt://user:secret@host:99999']) {
      expect(() => parseBrokers(each, false), each).toThrow(invalidUrl);
      expect(() => parseBrokers(each, false), each).toThrow(/^((?!cret).)*$/);
    }
  });

  test("the caller's URL object stays as it is", () => {
    const url = new URL('mqtt://user:secret@HOST#part');
    parseBrokers(url, false);
    expect(url.href).toBe('mqtt://user:secret@HOST#part');
  });

  test('what is neither string nor URL is INVALID_OPTION', () => {
    for (const given of [5, [undefined], {}]) {
      expect(() => parseBrokers(given as unknown as string, false)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      );
    }
  });
});

describe('resolveServerReferences (T-185, V-092)', () => {
  test.each([
    ['a bare host keeps the scheme', 'other', 'mqtt://first:1884', ['mqtt://other:1883']],
    ['a host with port', 'other:1885', 'mqtt://first', ['mqtt://other:1885']],
    ['TLS stays TLS', 'other', 'mqtts://first', ['mqtts://other:8883']],
    ['WebSocket keeps scheme and path', 'other:9001', 'wss://first:8443/mqtt', ['wss://other:9001/mqtt']],
    ['a query is not passed on: it may be a token', 'other', 'wss://first/mqtt?token=1', ['wss://other/mqtt']],
    ['a whole URL', 'mqtt://other:1885', 'mqtt://first', ['mqtt://other:1885']],
    ['an alias of the scheme', 'tcp://other', 'mqtt://first', ['tcp://other:1883']],
    ['from plain text to TLS', 'mqtts://other', 'mqtt://first', ['mqtts://other:8883']],
    ['IPv6 in brackets', '[2001:db8::1]:1885', 'mqtt://first', ['mqtt://[2001:db8::1]:1885']],
    ['IPv6 without a port', '[2001:db8::1]', 'mqtts://first', ['mqtts://[2001:db8::1]:8883']],
    ['IPv6 without brackets', '2001:db8::1', 'mqtt://first', ['mqtt://[2001:db8::1]:1883']],
    ['several, in their order', 'b a:1 c', 'mqtt://first', ['mqtt://b:1883', 'mqtt://a:1', 'mqtt://c:1883']],
    ['the usable ones of several', 'x@b a /p', 'mqtt://first', ['mqtt://a:1883']],
    ['the path and query of a whole URL', 'wss://other/x?y=1#z', 'wss://first/mqtt', ['wss://other/x?y=1']],
    ['a scheme of a dial of ones own', 'other', 'quic://first/p', ['quic://other/p']],
  ])('%s', (_name, reference, current, targets) => {
    expect(resolveServerReferences(reference, new URL(current)).map((url) => url.href)).toEqual(targets);
  });

  test.each([
    ['nothing', undefined, 'mqtt://first'],
    ['an empty reference', '', 'mqtt://first'],
    ['only spaces', '  ', 'mqtt://first'],
    ['only a path', '/mqtt', 'wss://first/mqtt'],
    ['user info', 'user@other', 'mqtt://first'],
    ['user info in a URL', 'mqtt://user:secret@other', 'mqtt://first'],
    ['from TLS to plain text', 'mqtt://other', 'mqtts://first'],
    ['from wss to ws', 'ws://other', 'wss://first'],
    ['another transport', 'wss://other', 'mqtts://first'],
    ['a Unix socket', 'mqtt+unix:///run/x.sock', 'mqtt://first'],
    ['anything while on a Unix socket', 'other', 'mqtt+unix:/run/x.sock'],
    ['an unknown scheme', 'http://other', 'mqtt://first'],
    ['a port that is none', 'other:99999', 'mqtt://first'],
    ['port 0', 'other:0', 'mqtt://first'],
    ['a host with a path', 'other/x', 'mqtt://first'],
    ['a host that cannot be', 'oth%zzer', 'mqtt://first'],
    ['no host', ':1883', 'mqtt://first'],
  ])('%s is not usable', (_name, reference, current) => {
    expect(resolveServerReferences(reference, new URL(current))).toEqual([]);
  });
});

describe('printing', () => {
  test.each([
    ['mqtt://user:secret@host:1883/p', 'mqtt://host:1883/p'],
    ['wss://host/mqtt?token=secret', 'wss://host/mqtt?…'],
    ['mqtt+unix:/run/x.sock', 'mqtt+unix:/run/x.sock'],
    ['mqtt://user:se/cret@host:x', 'mqtt://host:x'],
    ['user:secret@host', 'host'],
    ['nonsense', 'nonsense'],
  ])('%s is shown as %s', (given, shown) => {
    expect(redactUrl(given)).toBe(shown);
  });
});
