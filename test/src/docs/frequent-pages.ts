/** The pages that are tried most often; the others are tried by the long tests. */
export const frequentPages: readonly string[] = ["first-network.md", "test-suites.md"];
