// SPDX-License-Identifier: Apache-2.0

/** What a library has to be able to do to be measured. Each call ends when the work is over at both ends. */
export interface Adapter {
  connect(url: string): Promise<void>;
  /** Publishes numbered payloads, `inFlight` at a time; 0 is "as fast as it takes them" (QoS 0). Resolves when the last is acknowledged, or at QoS 0 known to be taken. */
  publish(options: PublishWork): Promise<void>;
  /** Subscribes, and resolves when `messages` have been handled, acknowledged after their processing. */
  receive(options: ReceiveWork): Promise<Received>;
  close(): Promise<void>;
}

export interface PublishWork {
  /** Number of the first message: they go on where the warm-up ended. */
  readonly first: number;
  readonly messages: number;
  readonly qos: 0 | 1 | 2;
  readonly inFlight: number;
  readonly payload: Uint8Array;
}

export interface ReceiveWork {
  /** Messages that come before those that are measured. */
  readonly warmUp: number;
  /** Called when they have come. */
  readonly onWarm: () => void;
  readonly messages: number;
  readonly qos: 0 | 1;
  readonly shape: 'callback' | 'for await';
}

export interface Received {
  readonly messages: number;
  readonly outOfOrder: number;
}

export type Library = 'mqttv5' | 'mqttjs' | 'bare';

export interface Scenario {
  readonly name: string;
  readonly work:
    | ({ readonly kind: 'publish' } & Omit<PublishWork, 'payload' | 'first'>)
    | ({ readonly kind: 'receive' } & Omit<ReceiveWork, 'warmUp' | 'onWarm'>);
  /** Libraries that can do it; the bare socket has no QoS 2, and only ours has streams. */
  readonly libraries: readonly Library[];
  /** Fewer messages for a library that would take minutes. */
  readonly fewer?: Partial<Record<Library, number>>;
}

export const PAYLOAD_BYTES = 256;

/** Messages that go before those that are measured. */
export function warmUpOf(messages: number): number {
  return Math.ceil(messages / 4);
}

const ALL: readonly Library[] = ['mqttv5', 'mqttjs', 'bare'];

/** Long enough for a second and more of the fastest. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'publish QoS 0, fire and forget',
    work: { kind: 'publish', messages: 2_000_000, qos: 0, inFlight: 0 },
    libraries: ALL,
  },
  {
    name: 'publish QoS 1, 64 in flight',
    work: { kind: 'publish', messages: 200_000, qos: 1, inFlight: 64 },
    libraries: ALL,
  },
  {
    name: 'publish QoS 1, one at a time',
    work: { kind: 'publish', messages: 40_000, qos: 1, inFlight: 1 },
    libraries: ALL,
  },
  {
    name: 'publish QoS 2, 64 in flight',
    work: { kind: 'publish', messages: 100_000, qos: 2, inFlight: 64 },
    libraries: ['mqttv5', 'mqttjs'],
  },
  {
    name: 'receive QoS 0, callback',
    work: { kind: 'receive', messages: 2_000_000, qos: 0, shape: 'callback' },
    libraries: ALL,
  },
  {
    name: 'receive QoS 0, for await',
    work: { kind: 'receive', messages: 2_000_000, qos: 0, shape: 'for await' },
    libraries: ['mqttv5'],
  },
  {
    name: 'receive QoS 1, acknowledged after processing',
    work: { kind: 'receive', messages: 300_000, qos: 1, shape: 'callback' },
    libraries: ALL,
    // It waits for a delayed acknowledgement of TCP after each window: see the README.
    fewer: { mqttjs: 10_000 },
  },
  {
    name: 'receive QoS 1, for await',
    work: { kind: 'receive', messages: 300_000, qos: 1, shape: 'for await' },
    libraries: ['mqttv5'],
  },
];
