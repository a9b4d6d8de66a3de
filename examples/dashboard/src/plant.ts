// SPDX-License-Identifier: Apache-2.0
//
// A broker with a plant of simulated machines behind it, each reading a random walk.

import { jsonCodec } from '@mqttv5/codec-json';
import { type Client, connect, topicTemplate, Typed } from '@mqttv5/core';
import { type Broker, startBroker } from '@mqttv5/testing';

export interface Plant {
  readonly webSocketUrl: string;
  /** Refuses every client for so long, and drops those there are. */
  outage(durationMs: number): void;
  close(): Promise<void>;
}

/** What the page shows as a value with its unit; it takes anything else as text. */
interface Reading {
  readonly value: number;
  readonly unit: string;
}

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly from: number;
  readonly to: number;
  /** Readings a second, on average. */
  readonly rate: number;
}

const MACHINES = ['press', 'furnace', 'lathe', 'robot'];
const METRICS: readonly Metric[] = [
  { name: 'temperature', unit: '°C', from: 20, to: 90, rate: 2 },
  { name: 'power', unit: 'kW', from: 1, to: 40, rate: 4 },
  { name: 'vibration', unit: 'mm/s', from: 0, to: 12, rate: 8 },
];
const LINES = ['north', 'south'];
const reading = topicTemplate('plant/{line}/{machine}/{metric}');

const SERVER_UNAVAILABLE = 0x88;
/** The plant breathes: the rate swings around its mean within this time. */
const SWING_MS = 20_000;

export async function startPlant(): Promise<Plant> {
  let isOut = false;
  const broker: Broker & { readonly webSocketUrl: string } = await startBroker({
    webSocketPort: 0,
    authenticate: () => (isOut ? SERVER_UNAVAILABLE : true),
  });
  const devices = await Promise.all(
    LINES.flatMap((line) => MACHINES.map((machine) => startDevice(broker.url, line, machine))),
  );
  let outage: ReturnType<typeof setTimeout> | undefined;
  return {
    webSocketUrl: broker.webSocketUrl,
    outage(durationMs) {
      isOut = true;
      broker.dropConnections();
      clearTimeout(outage);
      outage = setTimeout(() => {
        isOut = false;
      }, durationMs);
    },
    async close() {
      clearTimeout(outage);
      await Promise.all(devices.map((device) => device.stop()));
      await broker.close();
    },
  };
}

async function startDevice(url: string, line: string, machine: string): Promise<{ stop(): Promise<void> }> {
  // A device is back sooner than a person: it has nothing else to do.
  const client: Client = await connect(url, { clientId: `${line}-${machine}`, reconnect: () => 500, logger: SILENT });
  const readings = new Typed(client, jsonCodec<Reading>());
  const over = new AbortController();
  for (const metric of METRICS) {
    const topic = reading.format({ line, machine, metric: metric.name });
    let value = metric.from + Math.random() * (metric.to - metric.from);
    const publish = (): void => {
      if (over.signal.aborted) return;
      value = step(value, metric);
      // Readings are worth nothing late: QoS 0, and what is made during an outage is lost.
      readings.publish(topic, { value: Math.round(value * 10) / 10, unit: metric.unit }).catch(() => undefined);
      const busy = 1 + 0.5 * Math.sin((2 * Math.PI * Date.now()) / SWING_MS);
      setTimeout(publish, (Math.random() * 2_000) / (metric.rate * busy)).unref();
    };
    publish();
  }
  return {
    async stop() {
      over.abort();
      await client.disconnect();
    },
  };
}

/** A random walk that is pushed back from its ends. */
function step(value: number, { from, to }: Metric): number {
  const range = to - from;
  const pull = (from + range / 2 - value) * 0.02;
  return Math.min(to, Math.max(from, value + pull + (Math.random() - 0.5) * range * 0.06));
}

/** Their reconnects are what the page is about; the console has nothing to add. */
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
