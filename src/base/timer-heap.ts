import type { TimerHandle } from './handle.ts';

/** Whether `a` comes before `b`: by deadline, then by age. */
function before(a: TimerHandle, b: TimerHandle): boolean {
  return a._when < b._when || (a._when === b._when && a._age < b._age);
}

function siftUp(heap: TimerHandle[], from: number): void {
  const timer = heap[from]!;
  let at = from;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent]!;
    if (!before(timer, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = timer;
}

function siftDown(heap: TimerHandle[], from: number): void {
  const length = heap.length;
  const timer = heap[from]!;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= length) break;
    if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++;
    const below = heap[child]!;
    if (!before(below, timer)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = timer;
}

/** Adds a timer. */
export function heapPush(heap: TimerHandle[], timer: TimerHandle): void {
  heap.push(timer);
  siftUp(heap, heap.length - 1);
}

/** Removes the first timer. The heap must not be empty. */
export function heapPop(heap: TimerHandle[]): TimerHandle {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length > 0) {
    heap[0] = last;
    siftDown(heap, 0);
  }
  return first;
}

/** Makes a heap of any array, in linear time. */
export function heapify(heap: TimerHandle[]): void {
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) siftDown(heap, at);
}
