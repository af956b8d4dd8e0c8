/**
 * Names and addresses by the system's resolver, on threads of the process.
 *
 * A lookup cannot be stopped: cancelling ends the wait, and the answer is dropped when it comes.
 */
import { domainToASCII } from 'node:url';
import { GaiError, ValueError, coroutineMethods } from '../base/index.ts';
import type { AddrInfo, Address, Coroutine, Future, ResolveOptions } from '../base/index.ts';
import { checkHost, checkPort } from '../base/create-connection.ts';
import { isIPv6 } from '../base/ip-address.ts';
import { AF_INET, AF_INET6 } from '../base/socket-constants.ts';
import type { NativeAnswer, NativeCore } from './addon.ts';
import { checkNative } from './errors.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import { checkInt, fromNativeAddress, toNativeAddress } from './socket-address.ts';

export class Lookups {
  readonly #loop: MioEventLoop;
  readonly #core: NativeCore;
  readonly #waiting = new Map<number, Future<NativeAnswer>>();
  #last = 0;

  constructor(loop: MioEventLoop, core: NativeCore) {
    this.#loop = loop;
    this.#core = core;
  }

  /** `loop.getaddrinfo`. */
  *getaddrinfo(
    host: string | null,
    port: number | string | null,
    options: ResolveOptions,
  ): Coroutine<readonly AddrInfo[]> {
    checkHost(host);
    checkPort(port);
    if (typeof port === 'string' && port.includes('\0')) {
      throw new ValueError('port: must not contain a NUL character');
    }
    const { family = 0, type = 0, proto = 0, flags = 0 } = options;
    for (const [name, value] of Object.entries({ family, type, proto, flags })) checkInt(name, value);
    const name = host === null ? null : encodeHost(host);
    const service = port === null ? null : String(port);
    const answer = yield* this.#ask((id) =>
      this.#core.lookup(id, name, service, [family, type, proto, flags]),
    );
    if (answer.code != null) throw failure(answer, 'getaddrinfo', host ?? undefined);
    return answer.found.map((info) => [
      info.family,
      info.kind,
      info.protocol,
      info.canonicalName,
      fromNativeAddress(info.family, info.address),
    ]);
  }

  /** `loop.getnameinfo`. */
  *getnameinfo(sockaddr: Address, flags: number): Coroutine<[host: string, service: string]> {
    const host: unknown = Array.isArray(sockaddr) ? sockaddr[0] : null;
    const family = typeof host === 'string' && isIPv6(host.split('%', 1)[0]!) ? AF_INET6 : AF_INET;
    const address = toNativeAddress(family, sockaddr, 'sockaddr');
    checkInt('flags', flags);
    const answer = yield* this.#ask((id) => this.#core.lookupNames(id, address, flags));
    if (answer.code != null) throw failure(answer, 'getnameinfo', address[0]);
    return [answer.names[0]!, answer.names[1]!];
  }

  *#ask(begin: (id: number) => number): Coroutine<NativeAnswer> {
    const future = this.#loop.createFuture<NativeAnswer>();
    const id = (this.#last = (this.#last + 1) >>> 0);
    checkNative(begin(id), 'getaddrinfo');
    this.#waiting.set(id, future);
    this.#loop._hold();
    try {
      return yield* future;
    } finally {
      this.#waiting.delete(id);
      this.#loop._release();
    }
  }

  /** The core was woken: perhaps answers have come. */
  take(): void {
    if (this.#waiting.size === 0) return;
    for (const answer of this.#core.answers()) {
      const future = this.#waiting.get(answer.id);
      if (future !== undefined && !future.done()) future.setResult(answer);
    }
  }

  /** The core is gone, and no answer will come. */
  abandon(error: Error): void {
    for (const future of this.#waiting.values()) if (!future.done()) future.setException(error);
  }
}

coroutineMethods(Lookups.prototype, 'getaddrinfo', 'getnameinfo');

/** A host as resolvers take it: international names in their ASCII form. */
function encodeHost(host: string): string {
  // eslint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(host)) return host;
  const ascii = domainToASCII(host);
  if (ascii === '') throw new ValueError(`host: '${host}' is no name of a host`);
  return ascii;
}

function failure(answer: NativeAnswer, syscall: string, address: string | undefined): GaiError {
  const where = address === undefined ? '' : ` ${address}`;
  return new GaiError(`[Errno ${answer.number}] ${answer.message}: ${syscall}${where}`, {
    errno: answer.number,
    code: answer.code ?? 'EAI_FAIL',
    syscall,
    ...(address === undefined ? {} : { address }),
  });
}
