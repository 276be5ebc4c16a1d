/**
 * Counters, gauges and histograms, and their text for Prometheus.
 *
 * To count is an addition, after one look-up a label; nothing is allocated for it and nothing formatted before somebody
 * asks.
 * Source of the text: prometheus.io, "Exposition formats", version 0.0.4.
 */
import { assert } from "@hansa/primitives";

type Kind = "counter" | "gauge" | "histogram";

export type MetricOptions = {
  readonly name: string;
  readonly help: string;
  /** Names of its labels, in the order in which `with` takes their values. */
  readonly labels?: readonly string[];
};

export class Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

export class Gauge {
  value = 0;

  set(value: number): void {
    this.value = value;
  }
}

export class Histogram {
  readonly bounds: readonly number[];
  /** How many values fell below each bound and above the one before; the last counts those above all. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.counts[at]!++;
    this.sum += value;
  }
}

/** Prometheus' own, which Fabric takes where it names none. Source: prometheus/client_golang, histogram.go (DefBuckets). */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Some label values come from callers. Beyond so many combinations, further ones share one. */
const MAX_SERIES = 2_000;
const OVERFLOW = "(others)";

/** Four labels at most: `with` names them one by one, so that no array is made at each count. */
type Node<Cell> = { cell: Cell | undefined; readonly next: Map<string, Node<Cell>> };

/** All series of one name. */
export class Family<Cell> {
  readonly options: MetricOptions;
  readonly kind: Kind;
  readonly #make: () => Cell;
  #root: Node<Cell> = { cell: undefined, next: new Map() };
  #series: { readonly values: readonly string[]; readonly cell: Cell }[] = [];

  constructor(kind: Kind, options: MetricOptions, make: () => Cell) {
    assert((options.labels?.length ?? 0) <= 4, `${options.name} has more than four labels`);
    this.options = options;
    this.kind = kind;
    this.#make = make;
  }

  /** The series with these label values, which exists from now on. */
  with(first?: string, second?: string, third?: string, fourth?: string): Cell {
    let node: Node<Cell> | undefined = this.#root;
    if (first !== undefined) node = node.next.get(first);
    if (second !== undefined) node = node?.next.get(second);
    if (third !== undefined) node = node?.next.get(third);
    if (fourth !== undefined) node = node?.next.get(fourth);
    return node?.cell ?? this.#add([first, second, third, fourth].filter((value) => value !== undefined));
  }

  /** Forgets all series: for gauges over a set that changes. */
  clear(): void {
    this.#root = { cell: undefined, next: new Map() };
    this.#series = [];
  }

  get series(): readonly { readonly values: readonly string[]; readonly cell: Cell }[] {
    return this.#series;
  }

  #add(wanted: readonly string[]): Cell {
    const values = this.#series.length < MAX_SERIES ? wanted : wanted.map(() => OVERFLOW);
    let node = this.#root;
    for (const value of values) {
      let next = node.next.get(value);
      if (next === undefined) {
        next = { cell: undefined, next: new Map() };
        node.next.set(value, next);
      }
      node = next;
    }
    if (node.cell === undefined) {
      node.cell = this.#make();
      this.#series.push({ values, cell: node.cell });
    }
    return node.cell;
  }
}

export class Metrics {
  readonly #families = new Map<string, Family<Counter> | Family<Gauge> | Family<Histogram>>();
  readonly #collectors: (() => void)[] = [];

  counter(options: MetricOptions): Family<Counter> {
    return this.#add(options, () => new Family("counter", options, () => new Counter()));
  }

  gauge(options: MetricOptions): Family<Gauge> {
    return this.#add(options, () => new Family("gauge", options, () => new Gauge()));
  }

  histogram(options: MetricOptions, buckets: readonly number[] = DEFAULT_BUCKETS): Family<Histogram> {
    return this.#add(options, () => new Family("histogram", options, () => new Histogram(buckets)));
  }

  /** Called before each text is made: the place to look up what need not be counted all the time. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect);
  }

  /** Names in use, with their kinds and labels. */
  families(): readonly { readonly options: MetricOptions; readonly kind: Kind }[] {
    return [...this.#families.values()];
  }

  /** All that has a value, by name. */
  text(): string {
    for (const collect of this.#collectors) collect();
    const names = [...this.#families.keys()].sort();
    return names.map((name) => familyText(this.#families.get(name)!)).join("");
  }

  #add<Cell extends Counter | Gauge | Histogram>(options: MetricOptions, make: () => Family<Cell>): Family<Cell> {
    const known = this.#families.get(options.name);
    if (known !== undefined) return known as unknown as Family<Cell>;
    const family = make();
    this.#families.set(options.name, family as unknown as Family<Counter>);
    return family;
  }
}

function familyText(family: Family<Counter> | Family<Gauge> | Family<Histogram>): string {
  const { name, help, labels = [] } = family.options;
  let lines = "";
  for (const { values, cell } of family.series) {
    const pairs = labels.map((label, index) => `${label}="${escapeValue(values[index] ?? "")}"`).sort();
    if (cell instanceof Histogram) lines += histogramText(name, pairs, cell);
    else lines += `${name}${braces(pairs)} ${number(cell.value)}\n`;
  }
  if (lines === "") return "";
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${family.kind}\n${lines}`;
}

function histogramText(name: string, pairs: readonly string[], { bounds, counts, sum }: Histogram): string {
  let below = 0;
  let lines = "";
  for (const [index, count] of counts.entries()) {
    below += count;
    const bound = bounds[index];
    lines += `${name}_bucket${braces([...pairs, `le="${bound === undefined ? "+Inf" : bound}"`])} ${below}\n`;
  }
  return `${lines}${name}_sum${braces(pairs)} ${number(sum)}\n${name}_count${braces(pairs)} ${below}\n`;
}

function braces(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
