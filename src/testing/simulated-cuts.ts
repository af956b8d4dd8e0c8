/** What separates hosts: groups that do not reach each other. */
export class Cut {
  readonly #groups: readonly ReadonlySet<string>[];
  /** Whether only what the first group sends to the second is lost. */
  readonly #oneWay: boolean;

  constructor(groups: readonly (readonly string[])[], oneWay: boolean) {
    this.#groups = groups.map((group) => new Set(group));
    this.#oneWay = oneWay;
  }

  separates(from: string, to: string): boolean {
    const one = this.#groups.findIndex((group) => group.has(from));
    const other = this.#groups.findIndex((group) => group.has(to));
    if (one < 0 || other < 0 || one === other) return false;
    return !this.#oneWay || one < other;
  }

  toString(): string {
    return this.#groups.map((group) => [...group].join(',')).join(this.#oneWay ? ' -> ' : ' | ');
  }
}

/** All partitions of a network. */
export class Cuts {
  readonly #all = new Set<Cut>();

  add(groups: readonly (readonly string[])[], oneWay: boolean): Cut {
    const cut = new Cut(groups, oneWay);
    this.#all.add(cut);
    return cut;
  }

  delete(cut: Cut): boolean {
    return this.#all.delete(cut);
  }

  /** Ends all of them; false if there was none. */
  clear(): boolean {
    const had = this.#all.size > 0;
    this.#all.clear();
    return had;
  }

  separates(from: string, to: string): boolean {
    for (const cut of this.#all) if (cut.separates(from, to)) return true;
    return false;
  }

  toString(): string {
    return [...this.#all].map(String).join('; ');
  }
}
