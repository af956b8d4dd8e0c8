import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { Event } from './event.ts';
import { QueueEmpty, QueueFull, QueueShutDown, ValueError } from './exceptions.ts';
import { Fifo } from './fifo.ts';
import type { Future } from './future.ts';
import { LoopBound } from './loop-bound.ts';

/** What a queue keeps its items in. */
export interface QueueStore<T> {
  readonly length: number;
  push(item: T): unknown;
  shift?(): T | undefined;
  pop?(): T | undefined;
}

/**
 * A queue between tasks: first in, first out. asyncio: `Queue`.
 *
 * A subclass changes the order by overriding {@link _init}, {@link _get} and {@link _put}.
 */
export class Queue<T = unknown> extends LoopBound {
  readonly _maxsize: number;
  /** Whoever was woken is not in here any more. */
  readonly _getters: Set<Future<void>> = new Set();
  readonly _putters: Set<Future<void>> = new Set();
  _unfinishedTasks = 0;
  readonly _finished: Event = new Event();
  _isShutdown = false;
  /** Made by {@link _init}. */
  declare _queue: QueueStore<T>;

  /** @param maxsize items that fit; 0 or less: any number */
  constructor(maxsize: number = 0) {
    super();
    if (typeof maxsize !== 'number' || Number.isNaN(maxsize))
      throw new TypeError('maxsize: must be a number');
    this._maxsize = maxsize;
    this._finished.set();
    this._init(maxsize);
  }

  /** Makes the store. Called once, by the constructor. */
  protected _init(_maxsize: number): void {
    this._queue = new Fifo<T>();
  }

  /** Takes an item out. Only called while there is one. */
  protected _get(): T {
    return this._queue.shift!() as T;
  }

  /** Puts an item in. */
  protected _put(item: T): void {
    this._queue.push(item);
  }

  get maxsize(): number {
    return this._maxsize;
  }

  /** Number of items. */
  qsize(): number {
    return this._queue.length;
  }

  empty(): boolean {
    return this.qsize() === 0;
  }

  full(): boolean {
    return this._maxsize > 0 && this.qsize() >= this._maxsize;
  }

  /**
   * Puts an item in, when there is room.
   *
   * Cancelled, it has put nothing.
   *
   * @throws QueueShutDown after {@link shutdown}, also while it waits
   */
  put(item: T): AwaitableCoroutine<void> {
    return put(this, item);
  }

  /** @throws QueueFull; QueueShutDown */
  putNowait(item: T): void {
    if (this._isShutdown) throw new QueueShutDown();
    if (this.full()) throw new QueueFull();
    this._put(item);
    this._unfinishedTasks++;
    this._finished.clear();
    wakeNext(this._getters);
  }

  /**
   * Takes an item out, when there is one.
   *
   * Cancelled, it has taken nothing.
   *
   * @throws QueueShutDown after {@link shutdown}, once the queue is empty
   */
  get(): AwaitableCoroutine<T> {
    return get(this);
  }

  /** @throws QueueEmpty; QueueShutDown when it is empty and was shut down */
  getNowait(): T {
    if (this.empty()) throw this._isShutdown ? new QueueShutDown() : new QueueEmpty();
    const item = this._get();
    wakeNext(this._putters);
    return item;
  }

  /** Says that an item that was taken out has been dealt with. @throws ValueError when there is no such item */
  taskDone(): void {
    if (this._unfinishedTasks <= 0) throw new ValueError('taskDone() called too many times');
    this._unfinishedTasks--;
    if (this._unfinishedTasks === 0) this._finished.set();
  }

  /** Waits until every item that was put in has been dealt with. */
  join(): AwaitableCoroutine<void> {
    return join(this);
  }

  /**
   * Ends the queue: nothing can be put in any more, what is inside can still be taken out.
   *
   * @param immediate whether what is inside is dropped
   */
  shutdown(immediate: boolean = false): void {
    this._isShutdown = true;
    if (immediate) {
      while (!this.empty()) {
        this._get();
        if (this._unfinishedTasks > 0) this._unfinishedTasks--;
      }
      if (this._unfinishedTasks === 0) this._finished.set();
    }
    wakeAll(this._getters);
    wakeAll(this._putters);
  }

  override toString(): string {
    return `<${this.constructor.name} maxsize=${this._maxsize} size=${this.qsize()} tasks=${this._unfinishedTasks}>`;
  }
}

function wakeNext(waiters: Set<Future<void>>): void {
  for (const waiter of waiters) {
    waiters.delete(waiter);
    if (waiter.done()) continue;
    waiter.setResult();
    return;
  }
}

function wakeAll(waiters: Set<Future<void>>): void {
  for (const waiter of waiters) if (!waiter.done()) waiter.setResult();
  waiters.clear();
}

/** Leaves the line without having been woken, or unable to go on: then the next is woken, if there is still a reason. */
function leave(waiter: Future<void>, waiters: Set<Future<void>>, isWorthIt: boolean): void {
  waiter.cancel();
  waiters.delete(waiter);
  if (isWorthIt && !waiter.cancelled()) wakeNext(waiters);
}

const put = coroutine(function* put(queue: Queue<never>, item: never): Coroutine<void> {
  while (queue.full()) {
    if (queue._isShutdown) throw new QueueShutDown();
    const waiter = queue._getLoop().createFuture<void>();
    queue._putters.add(waiter);
    let woken = false;
    try {
      yield* waiter;
      woken = true;
    } finally {
      if (!woken) leave(waiter, queue._putters, !queue.full());
    }
  }
  queue.putNowait(item);
}) as <T>(queue: Queue<T>, item: T) => AwaitableCoroutine<void>;

const get = coroutine(function* get(queue: Queue<never>): Coroutine<unknown> {
  while (queue.empty()) {
    if (queue._isShutdown) throw new QueueShutDown();
    const waiter = queue._getLoop().createFuture<void>();
    queue._getters.add(waiter);
    let woken = false;
    try {
      yield* waiter;
      woken = true;
    } finally {
      if (!woken) leave(waiter, queue._getters, !queue.empty());
    }
  }
  return queue.getNowait();
}) as <T>(queue: Queue<T>) => AwaitableCoroutine<T>;

const join = coroutine(function* join(queue: Queue<never>): Coroutine<void> {
  if (queue._unfinishedTasks > 0) yield* queue._finished.wait();
}) as <T>(queue: Queue<T>) => AwaitableCoroutine<void>;
