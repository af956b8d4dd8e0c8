import { awaitersOf } from './awaited-by.ts';
import type { Coroutine } from './coroutine.ts';
import { RuntimeError } from './exceptions.ts';
import type { Future } from './future.ts';
import { type FutureLike, isFuture } from './future-like.ts';
import { identityOf } from './identity.ts';
import { currentTask } from './lifetime.ts';
import { _getRunningLoop } from './running-loop.ts';
import { captureStack } from './stack-entry.ts';
import { type FrameInfo, coroutineFrames, pendingFrames } from './suspension.ts';
import { type WritableLike, writeLine } from './writable.ts';

/** A frame of a graph. asyncio: `FrameCallGraphEntry`. */
export interface FrameCallGraphEntry {
  readonly frame: FrameInfo;
}

/** A future, where it stands, and who awaits it. asyncio: `FutureCallGraph`. */
export interface FutureCallGraph {
  readonly future: Future;
  /** Innermost frame first. */
  readonly callStack: readonly FrameCallGraphEntry[];
  readonly awaitedBy: readonly FutureCallGraph[];
}

/** How much of a graph is captured. */
export interface CallGraphOptions {
  /** Frames of the current task to leave out; 1 (the default) begins with the caller. */
  readonly depth?: number;
  /**
   * Frames of each stack that are kept: the outermost if positive, the innermost if negative, none (and none is
   * looked for) if 0, all if null or absent.
   */
  readonly limit?: number | null;
}

/**
 * Who awaits `future`, and where each of them stands. asyncio: `capture_call_graph`.
 *
 * Difference: of a task that waits, JavaScript shows no frames. In debug mode its stack is noted when it begins to
 * wait: all coroutines, with their lines. Outside of it there is one frame, of the task's outermost coroutine, with
 * its line where the host finds it (Node's inspector does; a page knows the name at best). The current task has its
 * real frames always. A cycle of awaits is cut where it closes, where asyncio recurses without end. Futures of other
 * makes take part; asyncio shows its own and their subclasses only.
 *
 * @param future default: the current task
 * @returns null when there is neither
 * @throws RuntimeError when no loop runs and no future is given; TypeError when it is no future
 */
export function captureCallGraph(
  future?: FutureLike | null,
  options: CallGraphOptions = {},
): FutureCallGraph | null {
  return capture((future ?? null) as Future | null, options, (options.depth ?? 1) + 1);
}

/** @param skip frames, from this function's caller on, that are not part of the graph */
function capture(future: Future | null, options: CallGraphOptions, skip: number): FutureCallGraph | null {
  const loop = _getRunningLoop();
  const limit = options.limit ?? null;
  let wanted = future;
  if (wanted !== null) {
    if (loop === null || (wanted as unknown) !== currentTask(loop)) {
      return _buildGraphForFuture(wanted, { limit });
    }
  } else {
    if (loop === null) {
      throw new RuntimeError(
        'captureCallGraph() is called outside of a running event loop and no future to introspect was provided',
      );
    }
    wanted = currentTask(loop) as Future | null;
  }
  if (wanted === null) return null;
  checkFuture(wanted);
  const frames = limit === 0 ? [] : coroutineFrames(captureStack(skip, Infinity));
  return graphOf(wanted, limited(frames, limit), limit, new Set([wanted]));
}

/**
 * The graph of a future that is not the current task. asyncio: `graph._build_graph_for_future`.
 *
 * @throws TypeError when it is no future
 */
export function _buildGraphForFuture(
  future: Future,
  options: { readonly limit?: number | null } = {},
): FutureCallGraph {
  checkFuture(future);
  return build(future, options.limit ?? null, new Set());
}

function build(future: Future, limit: number | null, path: Set<unknown>): FutureCallGraph {
  path.add(future);
  const coro = (future as { getCoro?: () => Coroutine<unknown> | null }).getCoro?.() ?? null;
  const frames =
    coro === null || limit === 0 || future.done() ? [] : pendingFrames([{ task: future, coro }])[0]!;
  const graph = graphOf(future, limited(frames, limit), limit, path);
  path.delete(future);
  return graph;
}

/** @param path the futures from the one asked for to this one */
function graphOf(
  future: Future,
  frames: readonly FrameInfo[],
  limit: number | null,
  path: Set<unknown>,
): FutureCallGraph {
  const awaitedBy = awaitersOf(future)
    .filter((awaiter) => isFuture(awaiter))
    .map((awaiter) =>
      path.has(awaiter)
        ? Object.freeze({
            future: awaiter as Future,
            callStack: Object.freeze([]),
            awaitedBy: Object.freeze([]),
          })
        : build(awaiter as Future, limit, path),
    );
  return Object.freeze({
    future,
    callStack: Object.freeze(frames.map((frame) => Object.freeze({ frame }))),
    awaitedBy: Object.freeze(awaitedBy),
  });
}

/** Of frames, innermost first, those that `limit` leaves. */
function limited(frames: readonly FrameInfo[], limit: number | null): readonly FrameInfo[] {
  if (limit === null) return frames;
  return limit >= 0 ? frames.slice(Math.max(0, frames.length - limit)) : frames.slice(0, -limit);
}

function checkFuture(value: unknown): void {
  if (!isFuture(value)) throw new TypeError(`future: a Future was expected, got ${String(value)}`);
}

/**
 * The graph of `future` as text; empty when there is none. asyncio: `format_call_graph`.
 *
 * What each frame can tell is said at {@link captureCallGraph}.
 *
 * @throws as {@link captureCallGraph}
 */
export function formatCallGraph(future?: FutureLike | null, options: CallGraphOptions = {}): string {
  return format((future ?? null) as Future | null, options, (options.depth ?? 1) + 2);
}

function format(future: Future | null, options: CallGraphOptions, skip: number): string {
  const graph = capture(future, options, skip);
  if (graph === null) return '';
  const lines: string[] = [];
  render(graph, '', lines);
  return lines.join('\n');
}

/**
 * Writes the graph of `future`. asyncio: `print_call_graph`.
 *
 * Difference: `depth` counts from the caller; asyncio shows a frame of its own as well.
 *
 * @param options.file where to; default: the console
 * @throws as {@link captureCallGraph}
 */
export function printCallGraph(
  future?: FutureLike | null,
  options: CallGraphOptions & { readonly file?: WritableLike | null } = {},
): void {
  const text = format((future ?? null) as Future | null, options, (options.depth ?? 1) + 2);
  writeLine(options.file, text, (line) => console.log(line));
}

function render(graph: FutureCallGraph, indent: string, lines: string[]): void {
  const { future } = graph;
  const id = `id=0x${identityOf(future).toString(16)}`;
  const named = future as { getName?: () => string };
  if (typeof named.getName === 'function') {
    lines.push(`${indent}* Task(name='${named.getName()}', ${id})`);
  } else lines.push(`${indent}* Future(${id})`);
  if (graph.callStack.length > 0) {
    lines.push(`${indent}  + Call stack:`);
    for (const { frame } of graph.callStack) lines.push(`${indent}  |   ${renderFrame(frame)}`);
  }
  if (graph.awaitedBy.length > 0) {
    lines.push(`${indent}  + Awaited by:`);
    for (const awaiter of graph.awaitedBy) render(awaiter, `${indent}    `, lines);
  }
}

function renderFrame(frame: FrameInfo): string {
  const name = `${frame.name === '' ? '<anonymous>' : frame.name}()`;
  const what = frame.isCoroutine ? `async ${name}` : name;
  if (frame.filename === '' && frame.lineno === 0) return `in ${what}`;
  return `File '${frame.filename}', line ${frame.lineno}, in ${what}`;
}
