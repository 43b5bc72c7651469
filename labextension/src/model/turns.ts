/** Does one thing, never twice at once. */
export class Turns {
  constructor(private readonly run: () => Promise<void>) {}

  /** The turn that is under way, or a new one. */
  join(): Promise<void> {
    if (!this.current) {
      const turn = this.run().finally(() => {
        this.current = null;
      });
      this.current = turn;
    }
    return this.current;
  }

  /** A turn that begins no earlier than now; all who ask during one share the next. */
  fresh(): Promise<void> {
    if (!this.current) {
      return this.join();
    }
    this.next ??= this.current
      .catch(() => undefined)
      .then(() => {
        this.next = null;
        return this.join();
      });
    return this.next;
  }

  private current: Promise<void> | null = null;
  private next: Promise<void> | null = null;
}
