// SPDX-License-Identifier: Apache-2.0
//
// Messages a second over the last minute. Counts fall into buckets of a quarter of a second, and the line is their mean over a
// second, so that it shows the trend and not the lottery of arrival. While there is no connection the ground is tinted.

const BUCKET_MS = 250;
const SPAN_MS = 60_000;
const BUCKETS = SPAN_MS / BUCKET_MS;
/** Buckets a point of the line stands for. */
const SMOOTHING = 4;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 6;
const FONT = '12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';

interface Bucket {
  number: number;
  count: number;
  connected: boolean;
}

export class RatePlot {
  readonly #canvas: HTMLCanvasElement;
  /** Ring by bucket number; one more than is shown, for the one that is being filled. */
  readonly #ring: Bucket[] = Array.from({ length: BUCKETS + SMOOTHING + 1 }, () => ({
    number: -1,
    count: 0,
    connected: true,
  }));
  readonly #first = now();
  #maximum = 10;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  count(): void {
    this.#bucket(now()).count += 1;
  }

  /** Messages a second in the last `windowMs`. */
  rate(windowMs: number): number {
    const last = now();
    const buckets = windowMs / BUCKET_MS;
    return this.#mean(last - 1, buckets);
  }

  draw(connected: boolean): void {
    const last = now();
    this.#bucket(last).connected = connected;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const context = this.#canvas.getContext('2d');
    if (context === null) return;
    context.scale(scale, scale);
    context.font = FONT;
    const colour = (name: string): string => getComputedStyle(this.#canvas).getPropertyValue(name);
    const rates = Array.from({ length: BUCKETS }, (_, index) => this.#mean(last - BUCKETS + index, SMOOTHING));
    // The scale moves slowly, or the line could not be read against it.
    this.#maximum += (Math.max(10, ...rates) * 1.15 - this.#maximum) * 0.15;
    const x = (index: number): number => LEFT + ((width - LEFT) * index) / (BUCKETS - 1);
    const y = (rate: number): number => TOP + (height - TOP - BOTTOM) * (1 - rate / this.#maximum);

    this.#tint(context, last, x, height - BOTTOM, colour('--bad'));
    this.#grid(context, width, height, y, colour('--edge'), colour('--quiet'));
    // Nothing is known of the time before the page was there.
    const start = Math.max(0, this.#first - last + BUCKETS);
    context.beginPath();
    for (const [index, rate] of rates.entries()) if (index >= start) context.lineTo(x(index), y(rate));
    context.strokeStyle = colour('--accent');
    context.lineWidth = 2;
    context.lineJoin = 'round';
    context.stroke();
    context.lineTo(width, y(0));
    context.lineTo(x(start), y(0));
    const fill = context.createLinearGradient(0, TOP, 0, height - BOTTOM);
    fill.addColorStop(0, colour('--accent'));
    fill.addColorStop(1, 'transparent');
    context.globalAlpha = 0.22;
    context.fillStyle = fill;
    context.fill();
    context.globalAlpha = 1;
  }

  #tint(context: CanvasRenderingContext2D, last: number, x: (index: number) => number, bottom: number, colour: string) {
    context.globalAlpha = 0.14;
    context.fillStyle = colour;
    const isOut = (index: number): boolean => {
      const number = last - BUCKETS + index;
      const bucket = this.#ring[Math.max(0, number) % this.#ring.length];
      return bucket?.number === number && !bucket.connected;
    };
    for (let from = 0, to = 0; from < BUCKETS; from = to + 1) {
      to = from;
      while (to < BUCKETS - 1 && isOut(to)) to += 1;
      // One bucket is no outage: the page itself needs as long to connect.
      if (to > from + 1) context.fillRect(x(from), TOP, x(to) - x(from), bottom - TOP);
    }
    context.globalAlpha = 1;
  }

  #grid(
    context: CanvasRenderingContext2D,
    width: number,
    height: number,
    y: (rate: number) => number,
    line: string,
    text: string,
  ): void {
    context.strokeStyle = line;
    context.fillStyle = text;
    context.lineWidth = 1;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    const step = roundStep(this.#maximum / 4);
    for (let rate = 0; rate < this.#maximum; rate += step) {
      const at = Math.round(y(rate)) + 0.5;
      context.beginPath();
      context.moveTo(LEFT, at);
      context.lineTo(width, at);
      context.stroke();
      context.fillText(String(rate), LEFT - 10, at);
    }
    context.textBaseline = 'bottom';
    for (const seconds of [60, 45, 30, 15, 0]) {
      context.textAlign = seconds === 60 ? 'left' : seconds === 0 ? 'right' : 'center';
      const at = LEFT + (width - LEFT) * (1 - seconds / 60);
      context.fillText(seconds === 0 ? 'now' : `−${seconds} s`, at, height);
    }
  }

  /** Messages a second in so many whole buckets up to `number`. */
  #mean(number: number, buckets: number): number {
    let sum = 0;
    for (let each = number - buckets + 1; each <= number; each += 1) {
      const bucket = each < 0 ? undefined : this.#ring[each % this.#ring.length];
      if (bucket?.number === each) sum += bucket.count;
    }
    return (sum * 1000) / (buckets * BUCKET_MS);
  }

  #bucket(number: number): Bucket {
    const bucket = this.#ring[number % this.#ring.length];
    if (bucket === undefined) throw new RangeError('unreachable: the ring is full of buckets');
    if (bucket.number !== number) Object.assign(bucket, { number, count: 0, connected: true });
    return bucket;
  }
}

function now(): number {
  return Math.floor(performance.now() / BUCKET_MS);
}

/** 1, 2 or 5 times a power of ten, at least 1. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, step)));
  return ([1, 2, 5].find((factor) => factor * power >= step) ?? 10) * power;
}
