/** As the package states it; a test compares. */
export const HANSA_VERSION = "0.1.0";
