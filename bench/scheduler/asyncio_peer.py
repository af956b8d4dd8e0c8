"""CPython's asyncio at the shapes of cases/*.mjs.

asyncio_peer.py --list              the cases, as JSON
asyncio_peer.py LOOP CASE           each line on standard input is the length of a round in seconds and is answered
                                    with a line of JSON; LOOP is asyncio or uvloop
asyncio_peer.py LOOP --memory COUNT memory before and while COUNT tasks sleep, as JSON
"""

import asyncio
import gc
import json
import os
import sys
import time

BATCH_SECONDS = 0.01
TASKS = 100
BATCH = 1000


async def step(loop, n):
    for _ in range(n):
        await asyncio.sleep(0)


async def step_100(loop, n):
    tasks = [loop.create_task(step(loop, n // TASKS)) for _ in range(TASKS)]
    for task in tasks:
        await task


async def done(loop, n):
    future = loop.create_future()
    future.set_result(1)
    for _ in range(n):
        await future


async def pending(loop, n):
    for _ in range(n):
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        await future


async def pending_100(loop, n):
    tasks = [loop.create_task(pending(loop, n // TASKS)) for _ in range(TASKS)]
    for task in tasks:
        await task


async def call_soon_chain(loop, n):
    future = loop.create_future()

    def following(left):
        if left == 0:
            future.set_result(None)
        else:
            loop.call_soon(following, left - 1)

    loop.call_soon(following, n)
    await future


async def call_soon(loop, n):
    ran = 0

    def count(by):
        nonlocal ran
        ran += by

    while ran < n:
        for _ in range(BATCH):
            loop.call_soon(count, 1)
        await asyncio.sleep(0)


async def nothing():
    pass


async def spawn(loop, n):
    for _ in range(n):
        await loop.create_task(nothing())


async def spawn_100(loop, n):
    for _ in range(n // TASKS):
        tasks = [loop.create_task(nothing()) for _ in range(TASKS)]
        for task in tasks:
            await task


async def spawn_eager(loop, n):
    for _ in range(n):
        await asyncio.Task(nothing(), loop=loop, eager_start=True)


async def cancel(loop, n):
    async def wait():
        await loop.create_future()

    for _ in range(n):
        task = loop.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


async def timeout(loop, n):
    finished = loop.create_future()
    finished.set_result(1)
    for _ in range(n // BATCH):
        for _ in range(BATCH):
            async with asyncio.timeout(10):
                await finished
        await asyncio.sleep(0)


async def lock(loop, n):
    mutex = asyncio.Lock()

    async def contend(k):
        for i in range(k):
            await mutex.acquire()
            if i == 0:
                await asyncio.sleep(0)
            mutex.release()

    tasks = [loop.create_task(contend(n // 2)) for _ in range(2)]
    for task in tasks:
        await task


async def queue(loop, n):
    items = asyncio.Queue(1)

    async def produce():
        for i in range(n):
            await items.put(i)

    async def consume():
        for _ in range(n):
            await items.get()

    tasks = [loop.create_task(produce()), loop.create_task(consume())]
    for task in tasks:
        await task


def chain(depth):
    async def level(loop, left):
        if left > 1:
            return await level(loop, left - 1)
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        return await future

    async def run(loop, n):
        for _ in range(n):
            await level(loop, depth)

    return run


def no_op():
    pass


async def timer_cancel(loop, n):
    for _ in range(n // BATCH):
        for _ in range(BATCH):
            loop.call_later(10, no_op).cancel()
        await asyncio.sleep(0)


def timer_fire(milliseconds):
    async def run(loop, n):
        future = loop.create_future()
        left = n

        def fired():
            nonlocal left
            left -= 1
            if left == 0:
                future.set_result(None)

        for i in range(n):
            loop.call_later(milliseconds(i) / 1000, fired)
        await future

    return run


# The operations of a batch where they are fixed, and the body.
CASES = {
    "step": (None, step),
    "step-100": (None, step_100),
    "done": (None, done),
    "pending": (None, pending),
    "pending-100": (None, pending_100),
    "call-soon-chain": (None, call_soon_chain),
    "call-soon": (None, call_soon),
    "spawn": (None, spawn),
    "spawn-100": (None, spawn_100),
    "spawn-eager": (None, spawn_eager),
    "cancel": (None, cancel),
    "timeout": (None, timeout),
    "lock": (None, lock),
    "queue": (None, queue),
    "chain-5": (None, chain(5)),
    "chain-20": (None, chain(20)),
    "timer-cancel": (None, timer_cancel),
    "timer-fire": (20_000, timer_fire(lambda i: 1)),
    "timer-million": (1_000_000, timer_fire(lambda i: 1 + i * 7919 % 100)),
}


def new_loop(name):
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def serve(loop, fixed, body):
    batch = fixed or BATCH
    for line in sys.stdin:
        seconds = float(line)
        cpu = time.process_time()
        start = time.perf_counter()
        operations = 0
        elapsed = 0.0
        while True:
            before = elapsed
            loop.run_until_complete(body(loop, batch))
            operations += batch
            elapsed = time.perf_counter() - start
            if fixed is None and elapsed - before < BATCH_SECONDS / 2:
                batch *= 2
            used = time.process_time() - cpu
            if min(elapsed, used) >= seconds:
                break
        answer = {"wall": elapsed * 1e9 / operations, "cpu": used * 1e9 / operations, "operations": operations}
        print(json.dumps(answer), flush=True)


def resident():
    """Bytes of memory the process has, None where the system does not say."""
    try:
        import resource

        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except (ImportError, OSError):
        return None


def memory(loop, count):
    async def main():
        gc.collect()
        before = resident()
        tasks = [loop.create_task(asyncio.sleep(1e6)) for _ in range(count)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        after = resident()
        assert len(tasks) == count
        return {"before": {"resident": before}, "after": {"resident": after}}

    print(json.dumps(loop.run_until_complete(main())), flush=True)
    # Cancelling a million tasks is not worth waiting for.
    os._exit(0)


def main(arguments):
    if sys.version_info < (3, 12):
        sys.exit("Python 3.12 or later is needed: tasks of older ones cannot start eagerly")
    if arguments == ["--list"]:
        return print(json.dumps({"cases": list(CASES)}))
    loop = new_loop(arguments[0])
    if arguments[1] == "--memory":
        return memory(loop, int(arguments[2]))
    print(json.dumps({"ready": True}), flush=True)
    serve(loop, *CASES[arguments[1]])


main(sys.argv[1:])
