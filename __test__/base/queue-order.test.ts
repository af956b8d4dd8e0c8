import test from 'ava';
import { LifoQueue, PriorityQueue, Queue, QueueFull, QueueShutDown } from 'miolo/base';
import { errorOf, runOn } from './harness.js';

/** Everything that is inside, in the order it comes out. */
function drain<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  while (!queue.empty()) items.push(queue.getNowait());
  return items;
}

test('a LIFO queue gives the newest item first', (t) => {
  const queue = new LifoQueue<number>(3);
  for (const item of [1, 2, 3]) queue.putNowait(item);
  t.throws(() => queue.putNowait(4), { instanceOf: QueueFull });
  t.is(queue.getNowait(), 3);
  queue.putNowait(5);
  t.deepEqual(drain(queue), [5, 2, 1]);
});

test('a priority queue gives the smallest item first', (t) => {
  const queue = new PriorityQueue<number>();
  const items = Array.from({ length: 200 }, (_, i) => (i * 73) % 199);
  for (const item of items) queue.putNowait(item);
  t.deepEqual(drain(queue), items.toSorted?.((a, b) => a - b) ?? items.sort((a, b) => a - b));
});

test('items that are arrays are compared element by element', (t) => {
  const queue = new PriorityQueue<[number, string]>();
  for (const item of [
    [2, 'a'],
    [1, 'z'],
    [1, 'b'],
  ] as [number, string][])
    queue.putNowait(item);
  t.deepEqual(drain(queue), [
    [1, 'b'],
    [1, 'z'],
    [2, 'a'],
  ]);
  const lengths = new PriorityQueue<number[]>();
  for (const item of [[1, 0], [1], [0, 9, 9]]) lengths.putNowait(item);
  t.deepEqual(drain(lengths), [[0, 9, 9], [1], [1, 0]]);
});

test('strings, dates and big integers have an order as well', (t) => {
  const strings = new PriorityQueue<string>();
  for (const item of ['b', 'a', 'c']) strings.putNowait(item);
  t.deepEqual(drain(strings), ['a', 'b', 'c']);
  const dates = new PriorityQueue<Date>();
  for (const item of [new Date(20), new Date(10)]) dates.putNowait(item);
  t.deepEqual(drain(dates).map(Number), [10, 20]);
  const numbers = new PriorityQueue<number | bigint>();
  for (const item of [3, 2n, 2.5]) numbers.putNowait(item);
  t.deepEqual(drain(numbers), [2n, 2.5, 3]);
});

test('an order can be given', (t) => {
  const queue = new PriorityQueue<{ size: number }>(0, { compare: (a, b) => b.size - a.size });
  for (const size of [1, 3, 2]) queue.putNowait({ size });
  t.deepEqual(
    drain(queue).map((item) => item.size),
    [3, 2, 1],
  );
});

test('items without an order are a TypeError, and leave the queue as it was', (t) => {
  const queue = new PriorityQueue<unknown>();
  queue.putNowait(1);
  queue.putNowait(2);
  for (const bad of ['a', {}, null, undefined, [1]]) {
    t.throws(() => queue.putNowait(bad), { instanceOf: TypeError });
  }
  t.is(queue._unfinishedTasks, 2);
  t.deepEqual(drain(queue), [1, 2]);
});

test('a comparison that fails half-way leaves the queue as it was, too', (t) => {
  const queue = new PriorityQueue<[number, unknown]>();
  for (const item of [1, 5, 9]) queue.putNowait([item, {}]);
  // Smaller than its first parent, without an order to the second.
  t.throws(() => queue.putNowait([1, {}]), { instanceOf: TypeError });
  t.is(queue.qsize(), 3);
  t.deepEqual(
    drain(queue).map(([number]) => number),
    [1, 5, 9],
  );
});

test('an order that throws while an item is taken out loses none', (t) => {
  let calls = 0;
  let failAt = Infinity;
  const queue = new PriorityQueue<number>(0, {
    compare: (a, b) => {
      if (++calls === failAt) throw new RangeError('no order today');
      return a - b;
    },
  });
  const items = [5, 3, 8, 1, 9, 2, 7];
  for (const item of items) queue.putNowait(item);
  for (let nth = 1; nth <= 3; nth++) {
    calls = 0;
    failAt = nth;
    t.throws(() => queue.getNowait(), { instanceOf: RangeError });
    t.is(queue.qsize(), items.length);
  }
  failAt = Infinity;
  t.deepEqual(drain(queue), [1, 2, 3, 5, 7, 8, 9]);
});

test('both wait and shut down as any queue does', (t) => {
  for (const Kind of [LifoQueue, PriorityQueue]) {
    runOn(function* (loop) {
      const queue = new Kind<number>(1);
      t.true(queue instanceof Queue);
      loop.callLater(1, () => queue.putNowait(1));
      t.is(yield* queue.get(), 1);
      queue.putNowait(2);
      const putter = loop.createTask(queue.put(3));
      yield;
      t.is(queue.getNowait(), 2);
      yield* putter;
      queue.shutdown(true);
      t.true(queue.empty());
      t.true((yield* errorOf(queue.get())) instanceof QueueShutDown);
    });
  }
});

test('a subclass changes the order by its own store', (t) => {
  class Unique<T> extends Queue<T> {
    declare _items: Set<T>;

    protected override _init(): void {
      const items = new Set<T>();
      this._items = items;
      this._queue = {
        get length() {
          return items.size;
        },
        push: (item: T) => items.add(item),
      };
    }

    protected override _get(): T {
      const [first] = this._items;
      this._items.delete(first!);
      return first!;
    }
  }
  const queue = new Unique<string>();
  for (const item of ['a', 'b', 'a']) queue.putNowait(item);
  t.is(queue.qsize(), 2);
  t.deepEqual(drain(queue), ['a', 'b']);
  t.is(queue._unfinishedTasks, 3);
});
