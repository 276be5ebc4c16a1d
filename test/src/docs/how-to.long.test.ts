import { describe } from "node:test";
import { frequentPages } from "./frequent-pages.js";
import { howToPages, testPages } from "./pages.js";

describe("the other how-to pages", async () => {
  await testPages((await howToPages()).filter((name) => !frequentPages.includes(name)));
});
