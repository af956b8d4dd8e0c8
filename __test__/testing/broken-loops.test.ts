import test from 'ava';
import { ContractError, loopContract } from 'miolo/testing';
import type { ContractLoop } from 'miolo/testing';
import * as broken from './broken-loops.js';

const CAUGHT: [Loop: new () => ContractLoop, check: string][] = [
  [broken.LastInFirstOut, 'iteration: ready handles run first in, first out, each once'],
  [
    broken.RunsNewHandlesInTheSameTurn,
    'iteration: what a callback queues waits for the next turn, after another poll',
  ],
  [broken.RunsNewHandlesInTheSameTurn, 'iteration: callbacks that queue themselves do not starve I/O'],
  [broken.RunsHandlesTwice, 'iteration: ready handles run first in, first out, each once'],
  [broken.TimersBeforeIo, 'iteration: a turn runs what was ready, then I/O, then due timers'],
  [broken.TimersBeforeReadyHandles, 'timers: a due timer comes behind everything ready'],
  [broken.TimersFireEarly, 'timers: no timer runs early'],
  [
    broken.RunsCancelledHandles,
    'iteration: a cancelled handle does not run, and lets go of its callback and arguments at once',
  ],
  [broken.RunsCancelledHandles, 'iteration: a handle cancelled by another one of the same turn does not run'],
  [
    broken.ContextsAreNotRestoredAfterErrors,
    'iteration: a callback that throws leaves its context as one that returns does',
  ],
  [
    broken.OneContextForAll,
    'iteration: a callback runs in a copy of the context it was registered in, and what it sets stays there',
  ],
  [broken.TakesTwoTurns, 'tasks: awaiting sleep(0) takes 1 turn'],
  [broken.StepsTasksByItself, 'tasks: awaiting a task that never suspends takes 2 turns'],
  [broken.IgnoresItsOwnClock, 'timers: overriding time() moves every timer to the new clock'],
  [
    broken.StopDropsTheRestOfTheTurn,
    'lifecycle: a stop in a callback lets the rest of the turn run, and leaves later handles to the next run',
  ],
  [broken.ExceptionsEndTheRun, 'errors: a callback that throws is reported, and the loop goes on'],
  [
    broken.SwallowsExits,
    'lifecycle: SystemExit in a callback ends the run at once; the rest of the turn comes first in the next',
  ],
  [
    broken.LeavesItsStopCallback,
    'lifecycle: a run that is stopped early says so, and leaves the task pending and usable',
  ],
  [broken.SchedulesWhenClosed, 'lifecycle: a closed loop schedules nothing and does not run'],
  [
    broken.HandlersRunInAnyContext,
    'errors: a handler runs in the context of the task, the future or the handle',
  ],
  [
    broken.ConnectionLostTwice,
    'transports: connectionLost comes once, with null, after close() has returned',
  ],
  [
    broken.DataBeforeConnectionMade,
    'transports: connectionMade comes before any byte, although some are there already',
  ],
  [
    broken.PausesWhilePaused,
    'transports: pauseWriting is called inside of the write that passes the high mark, once; resumeWriting at the low mark',
  ],
  [
    broken.PausesInALaterTurn,
    'transports: pauseWriting is called inside of the write that passes the high mark, once; resumeWriting at the low mark',
  ],
  [broken.LosesInsideOfClose, 'transports: connectionLost comes once, with null, after close() has returned'],
  [broken.ReadsAfterClose, 'transports: close() stops reading at once'],
  [broken.AbortsWithAnError, 'transports: connectionLost comes once, with null, in the turn after abort()'],
  [broken.KeepsCallersMemory, 'transports: memory that was written may be used again at once'],
  [
    broken.ClosesAtEveryEnd,
    'transports: a true eofReceived keeps the connection open for writing, and is not called again',
  ],
  [
    broken.ResetsLookLikeCloses,
    'transports: a connection that the peer resets is lost with a ConnectionResetError, once',
  ],
  [
    broken.ResetsLookLikeTheEnd,
    'transports: a connection that the peer resets is lost with a ConnectionResetError, once',
  ],
  [
    broken.ReportsResets,
    'transports: a connection that the peer resets is lost with a ConnectionResetError, once',
  ],
];

for (const [Loop, name] of CAUGHT) {
  test.serial(`a loop that is broken (${Loop.name}) is caught by the check "${name}"`, async (t) => {
    const checks = loopContract(() => new Loop(), { transports: { host: '127.0.0.1' } });
    const check = checks.find((each) => each.name === `${name} (blocking)`);
    t.truthy(check, 'there is such a check');
    const error = await t.throwsAsync(check!.run());
    t.true(error instanceof ContractError, String(error));
    t.true(error.message.includes(`rule of asyncio: `));
  });
}

test('every broken loop is caught by some check', (t) => {
  const caught = new Set<unknown>(CAUGHT.map(([Loop]) => Loop));
  t.deepEqual(
    Object.values(broken).filter((Loop) => !caught.has(Loop)),
    [],
  );
});
