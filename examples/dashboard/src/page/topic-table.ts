// SPDX-License-Identifier: Apache-2.0
//
// A row for every topic, with the last values as a line where they are numbers. What arrives is somebody else's: it is shown as
// text, never as markup.

const HISTORY = 40;
/** A broker may have more topics than anybody can read; the rest is only counted. */
const MAXIMUM_ROWS = 400;
const MAXIMUM_TEXT = 80;
const LINE_WIDTH = 130;
const LINE_HEIGHT = 24;
const SVG = 'http://www.w3.org/2000/svg' as const;

interface Topic {
  readonly row: HTMLTableRowElement;
  readonly line: SVGPolylineElement;
  readonly value: HTMLElement;
  readonly count: HTMLElement;
  readonly history: number[];
  text: string;
  unit: string;
  /** The most a value has had: 5 after 4.9 is shown as 5.0. */
  decimals: number;
  messages: number;
  isFresh: boolean;
}

export class TopicTable {
  readonly #body: HTMLTableSectionElement;
  readonly #topics = new Map<string, Topic>();
  readonly #unseen = new Set<string>();

  constructor(body: HTMLTableSectionElement) {
    this.#body = body;
  }

  /** Topics there are, shown or not. */
  get size(): number {
    return this.#topics.size + this.#unseen.size;
  }

  update(name: string, payload: string): void {
    const topic = this.#topics.get(name) ?? this.#add(name);
    if (topic === undefined) return;
    const { value, unit } = read(payload);
    topic.messages += 1;
    topic.text = typeof value === 'number' ? evenly(topic, value) : value.slice(0, MAXIMUM_TEXT);
    topic.unit = unit;
    topic.isFresh = true;
    if (typeof value !== 'number') return;
    topic.history.push(value);
    if (topic.history.length > HISTORY) topic.history.shift();
  }

  draw(): void {
    for (const topic of this.#topics.values()) {
      topic.row.classList.toggle('fresh', topic.isFresh);
      if (!topic.isFresh) continue;
      topic.isFresh = false;
      const unit = document.createElement('small');
      unit.textContent = topic.unit;
      topic.value.replaceChildren(topic.text, unit);
      topic.count.textContent = topic.messages.toLocaleString('en');
      topic.line.setAttribute('points', points(topic.history));
    }
  }

  #add(name: string): Topic | undefined {
    if (this.#topics.size >= MAXIMUM_ROWS) {
      this.#unseen.add(name);
      return undefined;
    }
    const row = document.createElement('tr');
    const cell = (className: string): HTMLElement => {
      const made = row.insertCell();
      made.className = className;
      return made;
    };
    const label = cell('topic');
    const last = document.createElement('b');
    const levels = name.split('/');
    last.textContent = levels.pop() ?? '';
    // Where it is too long it breaks between levels, not within one.
    for (const level of levels) label.append(`${level}/`, document.createElement('wbr'));
    label.append(last);
    const picture = document.createElementNS(SVG, 'svg');
    picture.setAttribute('viewBox', `0 0 ${LINE_WIDTH} ${LINE_HEIGHT}`);
    picture.setAttribute('preserveAspectRatio', 'none');
    const line = document.createElementNS(SVG, 'polyline');
    picture.append(line);
    cell('').append(picture);
    const topic: Topic = {
      row,
      line,
      value: cell('number value'),
      count: cell('number count'),
      history: [],
      text: '',
      unit: '',
      decimals: 0,
      messages: 0,
      isFresh: false,
    };
    const following = [...this.#topics].filter(([other]) => other > name).toSorted(([a], [b]) => (a < b ? -1 : 1))[0];
    this.#body.insertBefore(row, following?.[1].row ?? null);
    this.#topics.set(name, topic);
    return topic;
  }
}

function evenly(topic: Topic, value: number): string {
  const decimals = /\.(\d+)$/.exec(String(value))?.[1]?.length ?? 0;
  topic.decimals = Math.min(6, Math.max(topic.decimals, decimals));
  return value.toFixed(topic.decimals);
}

/** `{ "value": 21.5, "unit": "°C" }`, a bare number, or any text. */
function read(payload: string): { value: number | string; unit: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload);
  } catch {
    return { value: payload, unit: '' };
  }
  if (typeof parsed === 'number') return { value: parsed, unit: '' };
  if (typeof parsed !== 'object' || parsed === null || !('value' in parsed) || typeof parsed.value !== 'number') {
    return { value: payload, unit: '' };
  }
  return { value: parsed.value, unit: 'unit' in parsed && typeof parsed.unit === 'string' ? parsed.unit : '' };
}

function points(history: readonly number[]): string {
  const [low, high] = [Math.min(...history), Math.max(...history)];
  const range = high - low || 1;
  return history
    .map((value, index) => {
      const x = (LINE_WIDTH * (index + HISTORY - history.length)) / (HISTORY - 1);
      const y = LINE_HEIGHT - 2 - ((LINE_HEIGHT - 4) * (value - low)) / range;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}
