/**
 * How many characters a text has, as service models count them: by Unicode code point, so that a picture character
 * is one. Source: Smithy 2.0, the length trait.
 */
export function characterCount(text: string): number {
  let pairs = 0;
  for (let i = 0; i + 1 < text.length; i++) {
    if (text.charCodeAt(i) >> 10 === 0x36 && text.charCodeAt(i + 1) >> 10 === 0x37) {
      pairs += 1;
      i += 1;
    }
  }
  return text.length - pairs;
}

/** Whether every surrogate is half of a pair. What is not cannot be written as UTF-8 and comes back changed. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
