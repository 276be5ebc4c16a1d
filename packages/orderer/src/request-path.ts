/**
 * What happens to a request's path before the participation API looks at it: Go's server, its ServeMux and gorilla/mux
 * decode it, clean it and send clients from other spellings to the clean one.
 * Source: golang.org, net/http (cleanPath, redirectToPathSlash, Redirect) and net/url (EscapedPath).
 */
export type RequestPath =
  | { readonly kind: "clean"; readonly path: string }
  | { readonly kind: "elsewhere"; readonly location: string }
  | { readonly kind: "malformed" };

/** @param target of the request line. `subtree` is the one path that is also known without its last slash. */
export function readPath(target: string, subtree: string): RequestPath {
  const query = target.indexOf("?");
  const raw = query < 0 ? target : target.slice(0, query);
  let path: string;
  try {
    path = decodeURIComponent(raw);
  } catch {
    return { kind: "malformed" };
  }
  const cleaned = clean(path);
  const wanted = `${cleaned}/` === subtree ? subtree : cleaned;
  if (wanted === path) return { kind: "clean", path };
  return { kind: "elsewhere", location: `${escaped(wanted)}${query < 0 ? "" : target.slice(query)}` };
}

function clean(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const joined = `/${kept.join("/")}`;
  return path.endsWith("/") && joined !== "/" ? `${joined}/` : joined;
}

const escaped = (path: string) =>
  encodeURIComponent(path)
    .replace(/%(?:24|26|2B|2C|2F|3A|3B|3D|40)/g, decodeURIComponent)
    .replace(/[!'()*]/g, hex);

const hex = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
