import type { HostedDrive } from './hosted-drive.ts';

/**
 * What a loop polls: all that `_runOnce` needs of it.
 *
 * Without {@link notify}, hosted loops call it with the real timeout and it must not block (a virtual clock
 * advances instead). With it, they call it with 0 only.
 */
export interface Selector<Events> {
  /** Waits up to `timeout` seconds (null: without limit) and returns what happened. */
  select(timeout: number | null): Events;
  close?(): void;
  /** At the start of a hosted run: whose `turn` or `wake` to call when something happens; null at its end. */
  notify?(drive: HostedDrive | null): void;
  /** Whether another turn would find something without waiting. */
  pending?(): boolean;
  /** Takes care of the next deadline, `timeout` seconds from now (null: none), in place of the host. */
  arm?(timeout: number | null): void;
  /** After the turns of one of the host's ticks. */
  flush?(): void;
}
