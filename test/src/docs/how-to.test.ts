import { describe } from "node:test";
import { frequentPages } from "./frequent-pages.js";
import { testPages } from "./pages.js";

describe("how-to pages", () => testPages(frequentPages));
