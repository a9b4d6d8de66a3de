// SPDX-License-Identifier: Apache-2.0

/** What was sent and what came, by topic: a topic carries one QoS level. */
export class Tally {
  readonly #sent = new Map<string, number>();
  readonly #received = new Map<string, Map<number, number>>();
  #waiting: (() => void) | undefined;

  /** The next sequence number of a topic, counted as sent. */
  next(topic: string): number {
    const sequence = (this.#sent.get(topic) ?? 0) + 1;
    this.#sent.set(topic, sequence);
    return sequence;
  }

  received(topic: string, sequence: number): void {
    const times = this.#received.get(topic) ?? new Map<number, number>();
    this.#received.set(topic, times.set(sequence, (times.get(sequence) ?? 0) + 1));
    if (this.#lost() === 0) this.#waiting?.();
  }

  /** Resolves when everything sent so far has come. */
  async allReceived(): Promise<void> {
    if (this.#lost() === 0) return;
    await new Promise<void>((resolve) => {
      this.#waiting = resolve;
    });
    this.#waiting = undefined;
  }

  summary(): { sent: number; arrived: number; lost: number; doubled: number } {
    let doubled = 0;
    for (const [topic, times] of this.#received) {
      if (topic.includes('/qos2/')) for (const count of times.values()) doubled += count - 1;
    }
    return { sent: sum(this.#sent.values()), arrived: this.#arrived(), lost: this.#lost(), doubled };
  }

  #lost(): number {
    return sum(this.#sent.values()) - this.#arrived();
  }

  /** Different messages: a repeat at QoS 1 does not stand for a lost one. */
  #arrived(): number {
    return sum(Array.from(this.#received.values(), (times) => times.size));
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
