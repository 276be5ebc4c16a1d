/**
 * Whether peers can fill a layout: every place needs a peer of its own, because one peer's signature counts once
 * however many principals it satisfies.
 */

/** Group → how many of its peers must endorse. */
export type Places = ReadonlyMap<string, number>;

/** @param peersOf the peers of a group; a peer may be in several */
export function canFill<M>(layout: Places, peersOf: (group: string) => readonly M[]): boolean {
  for (const [group, quantity] of layout) if (peersOf(group).length < quantity) return false;
  return sharesNoPeer(layout, peersOf) || hasDistinctPeers(layout, peersOf);
}

/** The usual case: each group is an organisation. */
function sharesNoPeer<M>(layout: Places, peersOf: (group: string) => readonly M[]): boolean {
  if (layout.size === 1) return true;
  const seen = new Set<M>();
  for (const group of layout.keys()) {
    for (const peer of peersOf(group)) {
      if (seen.has(peer)) return false;
      seen.add(peer);
    }
  }
  return true;
}

/** Fills place after place; where a peer is taken already, its place looks for another one. */
function hasDistinctPeers<M>(layout: Places, peersOf: (group: string) => readonly M[]): boolean {
  const places = [...layout].flatMap(([group, quantity]) => new Array<string>(quantity).fill(group));
  const takenBy = new Map<M, number>();
  const fill = (place: number, tried: Set<M>): boolean => {
    for (const peer of peersOf(places[place] ?? "")) {
      if (tried.has(peer)) continue;
      tried.add(peer);
      const holder = takenBy.get(peer);
      if (holder === undefined || fill(holder, tried)) {
        takenBy.set(peer, place);
        return true;
      }
    }
    return false;
  };
  return places.every((_, place) => fill(place, new Set()));
}
