import type { AddrInfo } from './socket-like.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IPPROTO_TCP,
  IPPROTO_UDP,
  SOCK_DGRAM,
  SOCK_STREAM,
} from './socket-constants.ts';

/** Whether `text` is an IPv4 address in four decimal parts. */
export function isIPv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

/** Whether `text` is an IPv6 address, without a zone. */
export function isIPv6(text: string): boolean {
  let rest = text;
  let groups = 8;
  const tail = /:([^:]*\.[^:]*)$/.exec(text);
  if (tail !== null) {
    if (!isIPv4(tail[1]!)) return false;
    rest = text.slice(0, text.length - tail[1]!.length);
    // The last two groups are the IPv4 part; its colon stays only as part of a '::'.
    if (!rest.endsWith('::')) rest = rest.slice(0, -1);
    groups = 6;
  }
  const halves = rest.split('::');
  if (halves.length > 2) return false;
  const words = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!words.every((word) => /^[0-9a-fA-F]{1,4}$/.test(word))) return false;
  return halves.length === 2 ? words.length < groups : words.length === groups;
}

/**
 * The address of an IP literal with a numeric port, without a resolver; null if it needs one. asyncio:
 * `_ipaddr_info`.
 */
export function _ipaddrInfo(
  host: string | null,
  port: number | string | null,
  family: number,
  type: number,
  proto: number,
  flowinfo = 0,
  scopeid = 0,
): AddrInfo | null {
  if (![0, IPPROTO_TCP, IPPROTO_UDP].includes(proto) || host === null) return null;
  let protocol: number;
  if (type === SOCK_STREAM) protocol = IPPROTO_TCP;
  else if (type === SOCK_DGRAM) protocol = IPPROTO_UDP;
  else return null;

  let number: number;
  if (port === null || port === '') number = 0;
  else if (typeof port === 'number') number = port;
  else if (/^\d+$/.test(port)) number = Number(port);
  // The name of a service.
  else return null;

  // A zone, which only the resolver understands.
  if (host.includes('%')) return null;
  if (family !== AF_INET6 && isIPv4(host)) return [AF_INET, type, protocol, '', [host, number]];
  if ((family === AF_INET6 || family === AF_UNSPEC) && isIPv6(host)) {
    return [AF_INET6, type, protocol, '', [host, number, flowinfo, scopeid]];
  }
  return null;
}

/** Alternates between families, beginning with `firstCount` of the first. asyncio: `_interleave_addrinfos`. */
export function _interleaveAddrinfos(infos: readonly AddrInfo[], firstCount = 1): AddrInfo[] {
  const byFamily = new Map<number, AddrInfo[]>();
  for (const info of infos) {
    const list = byFamily.get(info[0]);
    if (list === undefined) byFamily.set(info[0], [info]);
    else list.push(info);
  }
  const lists = [...byFamily.values()];
  const result: AddrInfo[] = [];
  if (firstCount > 1 && lists.length > 0) result.push(...lists[0]!.splice(0, firstCount - 1));
  for (let round = 0; lists.some((list) => round < list.length); round++) {
    for (const list of lists) if (round < list.length) result.push(list[round]!);
  }
  return result;
}
