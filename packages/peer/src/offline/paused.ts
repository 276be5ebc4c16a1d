/** In a channel's folder: the peer lets the channel be. */
export const PAUSED_FILE = "paused";
