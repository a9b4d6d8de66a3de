// SPDX-License-Identifier: Apache-2.0
// The client in a real page: bundled, served, and driven in a headless Chromium.
import { scramMethod, startBroker } from '@mqttv5/testing';
import type { Broker, BrokerOptions } from '@mqttv5/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createAuthority } from '@mqttv5/support/certificates';
import { requireMosquitto, startMosquitto } from '../mosquitto.ts';
import { CUT_TOPIC, USER } from '../runtimes/smoke.ts';
import { bundleWithEsbuild, bundleWithVite } from './bundles.ts';
import { requireChromium, startChromium } from './chromium.ts';
import type { Program } from './page.ts';
import { serve } from './serve.ts';

const HTML = '<!doctype html><title>test</title><script type="module" src="/page.js"></script>';
/** What Chromium does to the timers of a hidden page: they fire at whole seconds. Headless pages are never hidden. */
const ONCE_A_SECOND = `
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (callback, delayMs = 0, ...args) => {
    const due = performance.now() + delayMs;
    return real(callback, Math.ceil(due / 1000) * 1000 - performance.now(), ...args);
  };`;
const VITE_HTML = HTML.replace('page.js', 'page-vite.js');

type WebSocketBroker = Broker & { readonly webSocketUrl: string };

describe.runIf(requireChromium())('in Chromium', { timeout: 40_000 }, () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serve>>;

  beforeAll(async () => {
    const [page, vitePage, worker, started] = await Promise.all([
      bundleWithEsbuild({ file: 'page.ts' }),
      bundleWithVite({ file: 'page.ts' }),
      bundleWithEsbuild({ file: 'worker.ts' }),
      startChromium(),
    ]);
    browser = started;
    site = await serve({
      '/': HTML,
      '/vite': VITE_HTML,
      '/page.js': page.code,
      '/page-vite.js': vitePage,
      '/worker.js': worker.code,
    });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await site[Symbol.asyncDispose]();
  });

  async function visit(path = '', options: Parameters<Browser['newPage']>[0] = {}, before = ''): Promise<Page> {
    const page = await browser.newPage(options);
    onTestFinished(() => page.close());
    const errors: unknown[] = [];
    page.on('pageerror', (error) => errors.push(error));
    onTestFinished(() => {
      if (errors.length > 0) throw new AggregateError(errors, 'the page had uncaught errors');
    });
    await page.addInitScript(before);
    await page.goto(site.url + path);
    return page;
  }

  /** Calls a function of page.ts in the page. */
  function call<K extends keyof Program>(
    page: Page,
    name: K,
    ...args: Parameters<Program[K]>
  ): Promise<Awaited<ReturnType<Program[K]>>> {
    return page.evaluate(`program.${name}(...${JSON.stringify(args)})`);
  }

  async function broker(options: BrokerOptions = {}): Promise<WebSocketBroker> {
    const started = await startBroker({
      enhancedAuth: {
        'SCRAM-SHA-256': scramMethod({ hash: 'SHA-256', users: { [USER.username]: USER.password } }),
      },
      intercept: (direction, packet) =>
        direction === 'in' && packet.type === 'publish' && packet.topicName === CUT_TOPIC ? 'cut' : undefined,
      ...options,
      webSocketPort: options.webSocketPort ?? 0,
    });
    onTestFinished(() => started.close());
    return started;
  }

  test.each([
    ['esbuild', ''],
    ['Vite', 'vite'],
  ])('the smoke suite of every runtime passes in a page (%s), where nothing is of Node', async (_, path) => {
    const { webSocketUrl } = await broker();
    const page = await visit(path);
    expect(await call(page, 'ofNode')).toEqual([]);
    expect(await call(page, 'passesSmoke', webSocketUrl, false)).toBe('OK');
  });

  test('and in a Web Worker', async () => {
    const { webSocketUrl } = await broker();
    const page = await visit();
    const answer = await page.evaluate(
      `new Promise((resolve) => {
        const worker = new Worker('/worker.js', { type: 'module' });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
        worker.postMessage(${JSON.stringify(webSocketUrl)});
      })`,
    );
    expect(answer).toBe('OK');
  });

  test('typed values travel as JSON', async () => {
    const { webSocketUrl } = await broker();
    expect(await call(await visit(), 'typed', webSocketUrl)).toEqual({ celsius: 21.5 });
  });

  test('a closed client has said DISCONNECT [MQTT-3.14.4-1], and every state on the way', async () => {
    const packets: string[] = [];
    const { webSocketUrl } = await broker({
      intercept: (direction, { type }) => void (direction === 'in' && packets.push(type)),
    });
    const page = await visit();
    await call(page, 'open', webSocketUrl, 30);
    expect(await call(page, 'close')).toEqual(['closing', 'closed']);
    expect(packets.at(-1)).toBe('disconnect');
  });

  test('what a page cannot have is refused with a reason: TCP, and "pause"', async () => {
    const { url, webSocketUrl } = await broker();
    const page = await visit();
    expect(await call(page, 'failure', url, false)).toEqual([
      'INVALID_OPTION',
      expect.stringContaining('webSocketDial'),
    ]);
    expect(await call(page, 'failure', webSocketUrl, true)).toEqual([
      'INVALID_OPTION',
      expect.stringContaining('pause'),
    ]);
  });

  test('wss needs a certificate that the browser trusts', async () => {
    const authority = await createAuthority();
    const { webSocketUrl } = await broker({
      tls: await authority.issue({ commonName: 'broker', names: ['127.0.0.1'] }),
    });
    expect(await call(await visit(), 'failure', webSocketUrl, false)).toEqual(['DIAL_FAILED', expect.anything()]);
    const trusting = await visit('', { ignoreHTTPSErrors: true });
    expect(await call(trusting, 'failure', webSocketUrl, false)).toBe('none');
  });

  test('a page that was suspended longer than its keep-alive is back with its session', async () => {
    const started = await broker();
    const page = await visit();
    await call(page, 'open', started.webSocketUrl, 1);
    // A debugger that holds the page does to it what freezing does, and cannot be talked out of it by a page in front.
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Debugger.enable');
    await devtools.send('Debugger.pause');
    // §3.1.2.10: one and a half keep-alives without a packet, and the broker gives it up.
    await expect.poll(() => started.clients.map(({ connected }) => connected), { timeout: 10_000 }).toEqual([false]);
    started.publish('live/kept', 'while suspended', { qos: 1 });
    await devtools.send('Debugger.disable');
    expect(await call(page, 'hears', 'while suspended')).toEqual(['while suspended']);
    expect(await call(page, 'close')).toEqual(['reconnecting', 'connected', 'closing', 'closed']);
  });

  test('a hidden page, whose timers run once a second, keeps its connection alive', async () => {
    let pings = 0;
    const { webSocketUrl } = await broker({
      intercept: (direction, { type }) => {
        if (direction === 'in' && type === 'pingreq') pings += 1;
      },
    });
    const page = await visit('', {}, ONCE_A_SECOND);
    await call(page, 'open', webSocketUrl, 2);
    await expect.poll(() => pings, { timeout: 15_000 }).toBe(2);
    expect(await call(page, 'close')).toEqual(['closing', 'closed']);
  });

  test('the embedded broker starts anew on its port: the page subscribes again and nothing it published is lost', async () => {
    const first = await startBroker({ webSocketPort: 0 });
    const page = await visit();
    await call(page, 'open', first.webSocketUrl, 30);
    await call(page, 'publish', 'live/1', 'before', 1);
    await first.close();
    const published = call(page, 'publish', 'live/2', 'meanwhile', 2);
    await broker({ webSocketPort: Number(new URL(first.webSocketUrl).port) });
    await published;
    expect(await call(page, 'hears', 'meanwhile')).toEqual(['before', 'meanwhile']);
    await call(page, 'close');
  });

  describe.runIf(requireMosquitto())('with Mosquitto', () => {
    test('the smoke suite passes; a restart of the broker is survived', async () => {
      await using mosquitto = await startMosquitto({ webSocket: true });
      const page = await visit();
      expect(await call(page, 'passesSmoke', mosquitto.webSocketUrl, true)).toBe('OK');
      await call(page, 'open', mosquitto.webSocketUrl, 30);
      for (const qos of [0, 1, 2] as const) await call(page, 'publish', 'live/a', `before ${qos}`, qos);
      await call(page, 'hears', 'before 2');
      await mosquitto.stop();
      const published = [1, 2].map((qos) => call(page, 'publish', 'live/b', `meanwhile ${qos}`, qos === 1 ? 1 : 2));
      await mosquitto.start();
      await Promise.all(published);
      const all = await call(page, 'hears', 'meanwhile 2');
      expect(all).toEqual(['before 0', 'before 1', 'before 2', 'meanwhile 1', 'meanwhile 2']);
      await call(page, 'close');
    });
  });
});
