// @ts-check
/** Packages of bench/peers, which the library itself does not depend on. */
export { importPeer, installPeers } from '../../peers/installed.mjs';
