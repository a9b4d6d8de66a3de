// SPDX-License-Identifier: Apache-2.0
// The dashboard example, started by its one command and looked at in a real browser.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireChromium, startChromium } from './chromium.ts';

const program = join(import.meta.dirname, '..', '..', '..', 'examples', 'dashboard', 'src', 'main.ts');
/** Two lines, four machines each, three readings each. */
const TOPICS = 24;

describe.runIf(requireChromium())('the dashboard', { timeout: 40_000 }, () => {
  let browser: Browser;
  let page: Page;
  let child: ChildProcess;
  const errors: string[] = [];

  beforeAll(async () => {
    const { MQTT_BROKER: _theirs, ...env } = process.env;
    child = spawn(process.execPath, ['--conditions=@mqttv5/source', program], {
      env: { ...env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('unreachable: standard output is a pipe');
    const [line] = await once(createInterface({ input: child.stdout }), 'line', {
      signal: AbortSignal.timeout(20_000),
    });
    browser = await startChromium();
    page = await browser.newPage();
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(/http:\S+/.exec(String(line))?.[0] ?? '');
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    child.kill('SIGKILL');
  });

  const text = async (id: string): Promise<string> => (await page.textContent(`#${id}`)) ?? '';
  const number = async (id: string): Promise<number> => Number((await text(id)).replaceAll(',', ''));

  test('shows every topic of the plant, with its value, unit and history', async () => {
    await expect.poll(() => number('topics'), { timeout: 15_000 }).toBe(TOPICS);
    await expect.poll(() => page.locator('#rows tr').count()).toBe(TOPICS);
    const row = page.locator('#rows tr', { hasText: 'plant/north/furnace/temperature' });
    expect(await row.locator('.value').textContent()).toMatch(/^\d+(\.\d)?°C$/);
    await expect
      .poll(async () => (await row.locator('polyline').getAttribute('points'))?.split(' ').length ?? 0)
      .toBeGreaterThan(1);
  });

  test('says that it is connected, and how fast it goes', async () => {
    expect(await text('state')).toBe('Connected');
    await expect.poll(() => number('rate')).toBeGreaterThan(10);
    await expect.poll(() => text('round-trip')).toMatch(/^[\d.]+ ms$/);
    // Something is drawn: not every pixel is the same.
    const colours = await page.evaluate(`(() => {
      const canvas = document.getElementById('plot');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    })()`);
    expect(colours).toBeGreaterThan(10);
  });

  test('counts down to its attempts during an outage, and is back by itself', async () => {
    await page.click('#outage');
    await expect.poll(() => text('state')).toBe('Reconnecting');
    await expect.poll(() => text('detail')).toMatch(/^Attempt \d+ in \d+\.\d s$/);
    const first = await text('detail');
    await expect.poll(() => text('detail')).not.toBe(first);
    const before = await number('messages');
    await expect.poll(() => text('state'), { timeout: 20_000 }).toBe('Connected');
    await expect.poll(() => number('messages')).toBeGreaterThan(before + 20);
    expect(await text('log')).toContain('Server unavailable');
  });

  test('has had no error, and ends at SIGTERM', async () => {
    expect(errors).toEqual([]);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });
});
