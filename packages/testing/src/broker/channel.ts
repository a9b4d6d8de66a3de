// SPDX-License-Identifier: Apache-2.0
//
// One Network Connection as packets: decoding, the intercept hook, size limits, write coalescing, closing. What the
// packets mean is the business of the stage it is in: first the handshake, then the connected client.
import { Decoder, WireError } from '@mqttv5/wire';
import type { Packet } from '@mqttv5/wire';
import type { Link } from '../links/link.ts';
import type { BrokerClient, InterceptAction } from './api.ts';
import { askIntercept, failed } from './ask.ts';
import { fit } from './fit.ts';
import type { PacketLimits } from './fit.ts';
import { Outbox } from './outbox.ts';
import type { Settings } from './settings.ts';

/** Who answers the packets of a channel. */
export interface Stage {
  /** For the intercept hook. */
  readonly client: BrokerClient;
  /** While a returned promise is pending no further packet is read. */
  handle(packet: Packet): void | Promise<void>;
  /** The client, or the intercept hook, makes the connection end with this code: tell the client in the stage's way. */
  fail(reasonCode: number, message: string): void;
  /** The packet has gone out. */
  sent(packet: Packet): void;
  /** The connection is gone, whoever ended it. Called once, also for a channel that closed itself. */
  closed(): void;
}

export class Channel {
  stage: Stage;
  limits: PacketLimits = { maximumPacketSize: undefined, problemInformation: true };
  /** When the last packet came, by the broker's clock: that of its chunk, as packets of one chunk come together. */
  lastHeard: number;
  /** Resolves when nothing is left of the connection. */
  readonly gone: Promise<void>;
  /** The first byte that came: tells a broken CONNECT from something that is not MQTT. */
  firstByte: number | undefined;
  #announceGone!: () => void;
  readonly #link: Link;
  readonly #settings: Settings;
  readonly #decoder: Decoder;
  readonly #outbox: Outbox;
  #state: 'open' | 'closing' | 'closed' = 'open';
  /** A packet is being looked at by somebody who needs time. */
  #busy = false;
  #dropped = 0;

  constructor(link: Link, settings: Settings, makeStage: (channel: Channel) => Stage) {
    this.#link = link;
    this.#settings = settings;
    this.gone = new Promise((resolve) => {
      this.#announceGone = resolve;
    });
    this.#decoder = new Decoder({ from: 'client', maximumPacketSize: settings.limits.maximumPacketSize });
    this.#outbox = new Outbox(link);
    this.lastHeard = settings.clock.now();
    this.stage = makeStage(this);
    link.start({ data: (chunk) => this.#onData(chunk), close: () => this.#onClose() });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The broker itself keeps the client waiting: its silence means nothing. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** Too much is unsent for a message that may be dropped. Counted, and logged at the first. */
  get isClogged(): boolean {
    if (this.#outbox.unsentBytes <= this.#settings.maximumUnsentBytes) return false;
    if (this.#dropped++ === 0) {
      const { clientId } = this.stage.client;
      this.#settings.logger?.warn(`${clientId} does not read: its QoS 0 messages are dropped`);
    }
    return true;
  }

  /** True if packets go out as they are, so that the bytes of one may serve many clients. */
  get isPlain(): boolean {
    return this.#settings.intercept === undefined && this.limits.maximumPacketSize === undefined;
  }

  /** Bytes of a packet for a channel that `isPlain`. */
  sendEncoded(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#outbox.push(bytes);
  }

  /** Sends a packet, unless the intercept hook thinks otherwise. One that the hook holds is overtaken by the next. */
  send(packet: Packet): void {
    void this.sendHeld(packet);
  }

  /** As {@link Channel.send}, for a packet that nothing may overtake: a promise if the hook takes its time. */
  sendHeld(packet: Packet): void | Promise<void> {
    if (this.#state !== 'open') return undefined;
    if (this.#settings.intercept === undefined) return this.#transmit(packet);
    return this.#intercepted('out', packet, (action) => this.#sendAs(packet, action));
  }

  /** Sends a last packet and closes [MQTT-3.14.4-1] [MQTT-3.14.4-2]. The stage hears of it at once. */
  close(last?: Packet): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    const { stage } = this;
    const finish = (): void => {
      this.#outbox.flush();
      this.#link.end();
    };
    if (last === undefined) {
      finish();
    } else if (this.#settings.intercept === undefined) {
      this.#transmit(last);
      finish();
    } else {
      void this.#intercepted('out', last, (action) => {
        if (action === 'cut') return this.#link.destroy();
        if (action instanceof Uint8Array) this.#outbox.push(action);
        // It ends the connection already, so a code can add nothing.
        else if (action !== 'discard') this.#transmit(typeof action === 'object' ? action : last);
        return finish();
      });
    }
    stage.closed();
  }

  /** The broker closes: a last packet that the hook still holds is not waited for. */
  giveUp(): void {
    if (this.#state === 'closing') this.#link.end();
  }

  /** Ends the connection abruptly. */
  cut(): void {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.stage.closed();
    }
    this.#link.destroy();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.firstByte ??= chunk[0];
    this.#decoder.push(chunk);
    if (!this.#busy) this.#pump();
  }

  #onClose(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    if (wasOpen) this.stage.closed();
    this.#announceGone();
  }

  #pump(): void {
    let heard = false;
    while (this.#state === 'open') {
      let packet: Packet | undefined;
      try {
        packet = this.#decoder.next();
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        this.stage.fail(error.reasonCode, error.message);
        return;
      }
      if (packet === undefined) return;
      if (!heard) this.lastHeard = this.#settings.clock.now();
      heard = true;
      const pending = this.#receive(packet);
      if (pending !== undefined) {
        this.#waitFor(pending);
        return;
      }
    }
  }

  #waitFor(pending: Promise<void>): void {
    this.#busy = true;
    this.#link.pause();
    void pending.then(() => {
      this.#busy = false;
      this.lastHeard = this.#settings.clock.now();
      this.#link.resume();
      this.#pump();
    });
  }

  #receive(packet: Packet): void | Promise<void> {
    if (this.#settings.intercept === undefined) return this.stage.handle(packet);
    return this.#intercepted('in', packet, (action) => this.#receiveAs(packet, action));
  }

  #receiveAs(packet: Packet, action: InterceptAction | undefined): void | Promise<void> {
    if (this.#state !== 'open' || action === 'discard') return undefined;
    if (action === 'cut') return this.cut();
    if (action instanceof Uint8Array) {
      const error = new TypeError('bytes can only replace an outgoing packet');
      return this.stage.fail(failed(this.#settings, 'intercept', error), error.message);
    }
    if (typeof action === 'number') return this.stage.fail(action, 'ended by the intercept hook');
    const pending = this.stage.handle(typeof action === 'object' ? action : packet);
    if (action !== 'cutAfter') return pending;
    if (pending !== undefined) return pending.then(() => this.#cutFlushed());
    return this.#cutFlushed();
  }

  #sendAs(packet: Packet, action: InterceptAction | undefined): void {
    if (this.#state !== 'open' || action === 'discard') return;
    if (action === 'cut') this.cut();
    else if (typeof action === 'number') this.stage.fail(action, 'ended by the intercept hook');
    else if (action instanceof Uint8Array) {
      this.#outbox.push(action);
      this.stage.sent(packet);
    } else {
      this.#transmit(typeof action === 'object' ? action : packet);
      if (action === 'cutAfter') this.#cutFlushed();
    }
  }

  /** For `cutAfter`: what was sent reaches the client, then the line goes dead. */
  #cutFlushed(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#outbox.flush();
    this.#link.flushed(() => this.#link.destroy());
    this.stage.closed();
  }

  /** Asks the hook and applies its answer: now, or when its promise is settled. */
  #intercepted<R>(
    direction: 'in' | 'out',
    packet: Packet,
    apply: (action: InterceptAction | undefined) => R | Promise<R>,
  ): R | Promise<R> {
    const answer = askIntercept(this.#settings, direction, packet, this.stage.client);
    return answer instanceof Promise ? answer.then(apply) : apply(answer);
  }

  /** The broker's own packets are legal; one that is not has something of the program in it, a hook's answer maybe. */
  #encoded(packet: Packet): Uint8Array | undefined | 'illegal' {
    try {
      return fit(packet, this.limits);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const reasonCode = failed(this.#settings, `encoding ${packet.type}`, error);
      if (this.#state === 'open') this.stage.fail(reasonCode, error.message);
      return 'illegal';
    }
  }

  #transmit(packet: Packet): void {
    const bytes = this.#encoded(packet);
    if (bytes === 'illegal') return;
    if (bytes === undefined) {
      this.#settings.logger?.info(`${packet.type} is too large for ${this.stage.client.clientId} and was dropped`);
      return;
    }
    this.#outbox.push(bytes);
    this.stage.sent(packet);
    // A client that only sends and never reads would otherwise make the broker keep answers without end.
    if (this.#outbox.unsentBytes > 2 * this.#settings.maximumUnsentBytes && this.#state === 'open') {
      this.#settings.logger?.warn(`${this.stage.client.clientId} does not read and was cut off`);
      this.cut();
    }
  }
}
