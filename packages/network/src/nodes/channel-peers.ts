/** Which of the network's other peers a gateway may ask on a channel. */
export type ReachablePeer = {
  readonly mspId: string;
  /** The channels that the network file puts it on. */
  readonly channels: readonly string[];
};

/**
 * On a channel of the network file: the peers that the file puts there. On one that was created by hand (osnadmin and
 * `peer channel join`), which the file does not know: every peer of the organisations in its configuration. One that
 * has not joined says so when asked, and another is asked in its place.
 *
 * @param organizations MSP ids of the channel's application organisations, by its configuration in force
 */
export function channelPeers<P extends ReachablePeer>(
  others: readonly P[],
  channelId: string,
  isInFile: boolean,
  organizations: readonly string[],
): P[] {
  return others.filter(({ mspId, channels }) =>
    isInFile ? channels.includes(channelId) : organizations.includes(mspId),
  );
}
