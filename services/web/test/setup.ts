import { afterEach } from "vitest";
import { cleanup } from "@testing-library/react";

// What the components ask of a browser and jsdom does not have.
Object.assign(window, {
  matchMedia: (query: string) => ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    addListener: () => undefined,
    removeListener: () => undefined,
    dispatchEvent: () => false,
  }),
});
globalThis.ResizeObserver = class {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
};
Element.prototype.scrollIntoView = () => undefined;
window.scrollTo = () => undefined;
globalThis.CSS = { ...globalThis.CSS, escape: (text: string) => text.replace(/"/g, '\\"') };

afterEach(() => {
  cleanup();
  sessionStorage.clear();
  localStorage.clear();
});
