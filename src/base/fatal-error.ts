import type { Loop } from './loop.ts';
import { logger } from './logger.ts';
import { OSError } from './os-error.ts';
import type { BaseTransport } from './transports.ts';

/**
 * Reports an error that costs a transport its connection: to the loop's exception handler, but an OSError, which is
 * the network's own and told to the protocol anyway, to the log alone, and only in debug mode. Closes nothing.
 * asyncio: the first half of `_fatal_error`.
 *
 * @param message what failed
 */
export function reportFatalError(
  loop: Loop,
  transport: BaseTransport,
  exception: unknown,
  message: string,
): void {
  if (exception instanceof OSError) {
    if (loop.getDebug()) logger.debug(`${transport.toString()}: ${message}`, exception);
    return;
  }
  loop.callExceptionHandler({ message, exception, transport, protocol: transport.getProtocol() });
}
