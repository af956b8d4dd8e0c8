import { BUFFERS } from './transport-buffers.ts';
import type { Spec } from './bench.ts';
import { ENDS } from './transport-ends.ts';
import { FLOW } from './transport-flow.ts';
import { RESETS } from './transport-reset.ts';
import type { ContractTransports, TransportSpec } from './transport-pair.ts';
import { withPair } from './transport-pair.ts';
import { START } from './transport-start.ts';

export type { ContractTransports } from './transport-pair.ts';

/** The checks of stream transports, on pairs made by `transports`. */
export function transportSpecs(transports: ContractTransports): Spec[] {
  const specs = [...START, ...BUFFERS, ...FLOW, ...ENDS];
  if (!('pair' in transports) || transports.resets === true) specs.push(...RESETS);
  return specs.map((spec) => bound(spec, transports));
}

function bound(spec: TransportSpec, transports: ContractTransports): Spec {
  return {
    name: spec.name,
    rule: spec.rule,
    body: (bench) => withPair(bench, transports, spec),
  };
}
