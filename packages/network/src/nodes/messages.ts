/** What a node's process and its parent say to each other over the channel between them. All plain JSON. */
export type ToNode =
  | { readonly type: "start"; readonly config: unknown }
  | { readonly type: "stop" }
  | { readonly type: "ping" };

export type FromNode =
  /** Its code is loaded; it waits for its configuration. */
  | { readonly type: "loaded" }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly code: string; readonly message: string; readonly nextStep?: string }
  | { readonly type: "pong" };
