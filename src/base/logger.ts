/** Where a {@link Logger} writes. */
export interface LogSink {
  (level: LogLevel, message: string, details: readonly unknown[]): void;
}

/** Severities, as Python's logging names them. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** The package's log. asyncio: `asyncio.log.logger`. */
export interface Logger {
  debug(message: string, ...details: readonly unknown[]): void;
  info(message: string, ...details: readonly unknown[]): void;
  warning(message: string, ...details: readonly unknown[]): void;
  error(message: string, ...details: readonly unknown[]): void;
  /** Replaces where messages go and returns what it was; null restores the default: warnings and errors to stderr. */
  setSink(sink: LogSink | null): LogSink;
}

const toConsole: LogSink = (level, message, details) => {
  if (level === 'error') console.error(message, ...details);
  else if (level === 'warning') console.warn(message, ...details);
};

let sink: LogSink = toConsole;

/** The package's log. asyncio: `asyncio.log.logger`. */
export const logger: Logger = {
  debug: (message, ...details) => sink('debug', message, details),
  info: (message, ...details) => sink('info', message, details),
  warning: (message, ...details) => sink('warning', message, details),
  error: (message, ...details) => sink('error', message, details),
  setSink(next) {
    const former = sink;
    sink = next ?? toConsole;
    return former;
  },
};
