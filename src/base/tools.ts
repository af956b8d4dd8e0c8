import { Exception, brandError } from './exceptions.ts';

/** A frame, as another process tells of it. */
export interface RemoteFrame {
  readonly funcname: string;
  /** Empty if it is not known. */
  readonly filename: string;
  /** 0 if it is not known. */
  readonly lineno: number;
}

/** A stack of coroutines, innermost first. Python: `CoroInfo`. */
export interface CoroInfo {
  readonly callStack: readonly (RemoteFrame | string)[];
  /** Of an awaiter: the id of its task. asyncio calls it so, too. */
  readonly taskName: number | string;
}

/** A pending task. Python: `TaskInfo`. */
export interface TaskInfo {
  readonly taskId: number;
  readonly taskName: string;
  readonly coroutineStack: readonly CoroInfo[];
  readonly awaitedBy: readonly CoroInfo[];
}

/** The pending tasks of a thread. Python: `AwaitedInfo`. */
export interface ThreadTasks {
  readonly threadId: number;
  readonly awaitedBy: readonly TaskInfo[];
}

/**
 * Tasks that await each other in a circle: there is no tree. asyncio: `tools.CycleFoundException`.
 *
 * @param cycles ids of tasks; each cycle ends with the one that it began with
 * @param id2name names of all tasks
 */
export class CycleFoundException extends Exception {
  readonly cycles: readonly (readonly number[])[];
  readonly id2name: ReadonlyMap<number, string>;

  constructor(cycles: readonly (readonly number[])[], id2name: ReadonlyMap<number, string>) {
    const text = cycles.map((cycle) => cycle.map((id) => id2name.get(id) ?? hex(id)).join(' → '));
    super(`the tasks await each other in a circle: ${text.join('; ')}`);
    this.cycles = cycles;
    this.id2name = id2name;
  }
}

brandError(CycleFoundException, 'CycleFoundException', 'ERR_MIOLO_CYCLE_FOUND');

interface Await {
  readonly parent: number;
  /** Innermost first. */
  readonly stack: readonly string[];
  readonly child: number;
}

interface Index {
  readonly names: Map<number, string>;
  readonly awaits: Await[];
  readonly stacks: Map<number, readonly string[]>;
}

function index(result: readonly ThreadTasks[]): Index {
  const names = new Map<number, string>();
  const awaits: Await[] = [];
  const stacks = new Map<number, readonly string[]>();
  for (const thread of result) {
    for (const task of thread.awaitedBy) {
      names.set(task.taskId, task.taskName);
      for (const coro of task.coroutineStack) stacks.set(task.taskId, coro.callStack.map(formatFrame));
      for (const coro of task.awaitedBy) {
        const parent = coro.taskName as number;
        awaits.push({ parent, stack: coro.callStack.map(formatFrame), child: task.taskId });
      }
    }
  }
  return { names, awaits, stacks };
}

function formatFrame(frame: RemoteFrame | string): string {
  if (typeof frame === 'string') return frame;
  if (frame.lineno === 0 && frame.filename === '') return frame.funcname;
  return `${frame.funcname} ${frame.filename}:${frame.lineno}`;
}

function nameOf(frame: RemoteFrame | string): string {
  return typeof frame === 'string' ? frame.split(' ')[0]! : frame.funcname;
}

function hex(id: number | string): string {
  return typeof id === 'number' ? `0x${id.toString(16)}` : id;
}

/** A node of the forest: a task, or a coroutine on the way from a task to those that it awaits. */
interface Node {
  readonly label: string;
  readonly isTask: boolean;
  readonly children: Set<Node>;
  /** Those of the children that are coroutines, by their label. */
  readonly coroutines: Map<string, Node>;
  hasParent: boolean;
}

function makeNode(label: string, isTask: boolean): Node {
  return { label, isTask, children: new Set(), coroutines: new Map(), hasParent: false };
}

function adopt(parent: Node, child: Node): void {
  parent.children.add(child);
  child.hasParent = true;
}

/**
 * The forest of tasks as lines to print: a task's children are the coroutines that it is in, theirs the tasks that
 * are awaited there. asyncio: `tools.build_async_tree`.
 *
 * @param taskEmoji what stands before tasks
 * @param corEmoji what stands before coroutines
 * @returns the lines of each tree
 * @throws CycleFoundException when tasks await each other in a circle
 */
export function buildAsyncTree(
  result: readonly ThreadTasks[],
  taskEmoji: string = '(T)',
  corEmoji: string = '',
): string[][] {
  const { names, awaits, stacks } = index(result);
  const cycles = findCycles(awaits);
  if (cycles.length > 0) throw new CycleFoundException(cycles, names);
  const roots = buildForest(names, awaits, stacks);
  return roots.map((root) => {
    const lines: string[] = [];
    render(root, '', true, lines);
    return lines;
  });

  function render(node: Node, prefix: string, last: boolean, lines: string[]): void {
    lines.push(`${prefix}${last ? '└── ' : '├── '}${node.isTask ? taskEmoji : corEmoji} ${node.label}`);
    const below = prefix + (last ? '    ' : '│   ');
    let left = node.children.size;
    for (const child of node.children) render(child, below, --left === 0, lines);
  }
}

function buildForest(
  names: Map<number, string>,
  awaits: readonly Await[],
  stacks: Map<number, readonly string[]>,
): Node[] {
  const tasks = new Map<number, Node>();
  for (const [id, name] of names) tasks.set(id, makeNode(name, true));

  /** The node of the innermost coroutine of a stack below `node`. */
  function descend(from: Node, stack: readonly string[]): Node {
    let node = from;
    for (const frame of stack.toReversed()) {
      let next = node.coroutines.get(frame);
      if (next === undefined) {
        next = makeNode(frame, false);
        node.coroutines.set(frame, next);
        adopt(node, next);
      }
      node = next;
    }
    return node;
  }

  for (const { parent, stack, child } of awaits) {
    // An awaiter that is not among the tasks has no place in a tree; what it awaits is then a root.
    const from = tasks.get(parent);
    if (from !== undefined) adopt(descend(from, stack), tasks.get(child)!);
  }
  const awaiting = new Set(awaits.map(({ parent }) => parent));
  for (const [id, node] of tasks) {
    if (!awaiting.has(id)) descend(node, stacks.get(id) ?? []);
  }
  return [...tasks.values()].filter((node) => !node.hasParent);
}

/** All cycles that a search in depth closes. */
function findCycles(awaits: readonly Await[]): number[][] {
  const graph = new Map<number, Set<number>>();
  for (const { parent, child } of awaits) {
    const children = graph.get(parent);
    if (children === undefined) graph.set(parent, new Set([child]));
    else children.add(child);
  }
  const seen = new Set<number>();
  const path: number[] = [];
  const cycles: number[][] = [];

  function visit(task: number): void {
    seen.add(task);
    path.push(task);
    for (const child of graph.get(task) ?? []) {
      const at = path.indexOf(child);
      if (at >= 0) cycles.push([...path.slice(at), child]);
      else if (!seen.has(child)) visit(child);
    }
    path.pop();
  }

  for (const task of graph.keys()) if (!seen.has(task)) visit(task);
  return cycles;
}

/**
 * The tasks as rows of a table, an awaiter each: thread id, task id, task name, coroutine stack, awaiter's chain,
 * awaiter's name, awaiter's id. asyncio: `tools.build_task_table`.
 */
export function buildTaskTable(result: readonly ThreadTasks[]): string[][] {
  const { names } = index(result);
  const table: string[][] = [];
  for (const thread of result) {
    for (const task of thread.awaitedBy) {
      const stack = task.coroutineStack.flatMap((coro) => coro.callStack.map(nameOf)).join(' -> ');
      const start = [String(thread.threadId), hex(task.taskId), task.taskName, stack];
      if (task.awaitedBy.length === 0) table.push([...start, '', '', '0x0']);
      for (const coro of task.awaitedBy) {
        const chain = coro.callStack.map(nameOf).join(' -> ');
        const awaiter = names.get(coro.taskName as number) ?? 'Unknown';
        table.push([...start, chain, awaiter, hex(coro.taskName)]);
      }
    }
  }
  return table;
}
