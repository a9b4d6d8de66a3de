// SPDX-License-Identifier: Apache-2.0
//
// Starts everything: a broker, devices that publish to it, and the page that shows what they say. The page is a client like any
// other; nothing goes through this program.

import { type Plant, startPlant } from './plant.ts';
import { startSite } from './site.ts';

const OUTAGE_MS = 8_000;

const given = process.env['MQTT_BROKER'];
const plant: Plant | undefined = given === undefined ? await startPlant() : undefined;
const site = await startSite({
  port: Number(process.env['PORT'] ?? 8080),
  webSocketUrl: plant?.webSocketUrl ?? given ?? '',
  onOutage: plant && (() => plant.outage(OUTAGE_MS)),
});
console.log(`The dashboard is at ${site.url}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all([site.close(), plant?.close()]);
  });
}
